import type { CustomerId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";

/** Who pays. */
export type Customer = {
  readonly id: CustomerId;
  /** The merchant's own name for the customer; travels to the gateway. */
  readonly reference: string;
  readonly name: string;
  /** Sealed; context `customers.phone:<id>`. Empty when the customer was erased. */
  readonly phone: string;
  readonly phoneIndex: string;
  readonly email: string | null;
  readonly createdAt: Instant;
};

/** True for a customer that was forgotten: there is no wallet any more that could be linked. */
export function isErased({ phone }: Pick<Customer, "phone">): boolean {
  return phone === "";
}

/** The context that ties a customer's sealed phone to its row. */
export function phoneContext(id: CustomerId): string {
  return `customers.phone:${id}`;
}
