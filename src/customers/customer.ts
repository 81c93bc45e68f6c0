import type { CustomerId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";

/** Who pays. */
export type Customer = {
  readonly id: CustomerId;
  /** The merchant's own name for the customer; travels to the gateway. */
  readonly reference: string;
  readonly name: string;
  /** Sealed; context `customers.phone:<id>`. */
  readonly phone: string;
  readonly phoneIndex: string;
  readonly email: string | null;
  readonly createdAt: Instant;
};

/** The context that ties a customer's sealed phone to its row. */
export function phoneContext(id: CustomerId): string {
  return `customers.phone:${id}`;
}
