import { type Rupiah, rupiah } from "../kernel/money.ts";
import { type Instant, instantOrNull } from "../kernel/time.ts";

/** A `timestamptz` that repositories give as an `Instant`. */
export const instantColumn = {
  type: "timestamptz",
  transformer: {
    to: (at: Instant | null) => at?.toJSDate() ?? null,
    from: instantOrNull,
  },
} as const;

/** A `bigint` of money: the driver gives text, for not every bigint is a safe integer. */
export const rupiahColumn = {
  type: "bigint",
  transformer: {
    to: (amount: Rupiah) => amount,
    from: (amount: string) => rupiah(Number(amount)),
  },
} as const;
