import type { Logger } from "pino";
import { type NewException, openExceptions } from "../exceptions/exception.store.ts";
import type { DeliveryId, Reference } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";
import type { Clock } from "../platform/clock.ts";
import { coalesce } from "../platform/coalesce.ts";
import type { Database } from "../platform/database.ts";
import { failpoint } from "../platform/failpoint.ts";
import type { Sealer } from "../platform/secrets.ts";
import { bodyContext, type NewDelivery } from "./delivery.ts";
import {
  type EarlierDelivery,
  findDeliveriesOfToday,
  findKnownReferences,
  insertDeliveries,
} from "./inbox.store.ts";

export type ReceiveTools = {
  readonly db: Database;
  readonly clock: Clock;
  /** Says that these rows wait. Best effort: the next beat rings for whatever still waits. */
  readonly ring: (ids: readonly DeliveryId[]) => Promise<void>;
  readonly log: Logger;
  readonly sealer: Sealer;
};

/** A delivery whose sender is proved. `unreadable` says what its body lacks. */
export type Arrival = Pick<
  NewDelivery,
  "kind" | "externalId" | "body" | "bodyHash" | "reference" | "signatureForm"
> & {
  /** The notice's status word, for people; null when unreadable. */
  readonly status: string | null;
  readonly amount: Rupiah | null;
  /** True when the notice says that no money moved: an unknown reference then needs nobody. */
  readonly isFailure: boolean;
  readonly unreadable: string | null;
};

/** What the sender may be told, once the row is committed. */
export type Receipt = "processed" | "id_reused" | "unreadable" | "unknown_reference";

/** Deliveries that come while one insert is on its way are the next insert. */
const SET = 200;

/** Makes the function that stores a delivery: it resolves after the commit, and only then may we say 200. */
export function receiver(tools: ReceiveTools): (arrival: Arrival) => Promise<Receipt> {
  const ring = ringer(tools);
  return coalesce(SET, (arrivals) => storeArrivals(tools, ring, arrivals));
}

type Ring = (ids: readonly DeliveryId[]) => void;

async function storeArrivals(
  tools: ReceiveTools,
  ring: Ring,
  arrivals: readonly Arrival[],
): Promise<Receipt[]> {
  const { receipts, waiting } = await tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const earlier = await findDeliveriesOfToday(tx, distinct(arrivals.map(({ externalId }) => externalId)));
    const references = arrivals.flatMap(({ reference }) => reference ?? []);
    const judged = judgeArrivals(arrivals, earlier, await findKnownReferences(tx, distinct(references)));
    const waiting = await insertDeliveries(
      tx,
      judged.map(({ delivery }) => sealed(tools.sealer, delivery)),
      now,
    );
    await openExceptions(
      tx,
      judged.flatMap((one) => oddities(one, now)),
    );
    failpoint("inbox.before-commit");
    return { receipts: judged.map(({ receipt }) => receipt), waiting };
  });
  failpoint("inbox.after-commit");
  if (waiting.length > 0) ring(waiting);
  return receipts;
}

function sealed(sealer: Sealer, delivery: NewDelivery): NewDelivery {
  if (delivery.kind === "payment") return delivery;
  return { ...delivery, body: sealer.seal(delivery.body, bodyContext(delivery.bodyHash)) };
}

/** One ring is on its way; what is stored meanwhile shares the next, for a bell costs more than a delivery. */
function ringer(tools: ReceiveTools): Ring {
  let waiting: DeliveryId[] = [];
  let ringing = false;
  const ringAll = async (): Promise<void> => {
    ringing = true;
    while (waiting.length > 0) {
      const ids = waiting;
      waiting = [];
      try {
        await tools.ring(ids);
      } catch (error) {
        tools.log.warn({ event: "inbox.ring_failed", deliveries: ids.length, err: error });
      }
    }
    ringing = false;
  };
  return (ids) => {
    waiting.push(...ids);
    if (!ringing) void ringAll();
  };
}

type Judged = { readonly arrival: Arrival; readonly delivery: NewDelivery; readonly receipt: Receipt };

/** Judges in the order of arrival: within one set, too, the second delivery of an id meets the first. */
function judgeArrivals(
  arrivals: readonly Arrival[],
  earlier: readonly EarlierDelivery[],
  known: ReadonlySet<Reference>,
): Judged[] {
  const seen: EarlierDelivery[] = [...earlier];
  return arrivals.map((arrival) => {
    const same = seen.filter((one) => one.kind === arrival.kind && one.externalId === arrival.externalId);
    const isRepeat = same.some((one) => one.bodyHash === arrival.bodyHash);
    const reusedId = same.length > 0 && !isRepeat;
    seen.push(arrival);
    const { kind, externalId, body, bodyHash, reference, signatureForm, unreadable } = arrival;
    const state =
      unreadable !== null
        ? "rejected"
        : reference === null || known.has(reference)
          ? "received"
          : "unmatched";
    const facts = { kind, externalId, body, bodyHash, reference, signatureForm, reusedId, state } as const;
    return {
      arrival,
      delivery: { ...facts, problem: unreadable },
      receipt: receiptOf(arrival, isRepeat, facts),
    };
  });
}

/** A repeat is told what it needs to hear to end: whatever it says, it is stored, and so was the first. */
function receiptOf(
  arrival: Arrival,
  isRepeat: boolean,
  { reusedId, state }: Pick<NewDelivery, "reusedId" | "state">,
): Receipt {
  if (isRepeat) return "processed";
  if (reusedId) return "id_reused";
  if (state === "rejected") return "unreadable";
  return state === "unmatched" && !arrival.isFailure ? "unknown_reference" : "processed";
}

/** What a person must see: at most one exception for a reason, however often it is delivered. */
function oddities({ arrival, delivery }: Judged, at: Instant): NewException[] {
  const { externalId, reference, amount, unreadable, status } = arrival;
  const about = {
    subject: `${delivery.kind}/${externalId}/${delivery.bodyHash.slice(0, 16)}`,
    ...(reference === null ? {} : { reference }),
    ...(amount === null ? {} : { amount }),
    facts: { external_id: externalId, status },
    at,
  };
  const found: NewException[] = [];
  if (delivery.reusedId) {
    const says = `the gateway sent two different notifications under the X-EXTERNAL-ID ${externalId} on one day`;
    found.push({ ...about, kind: "notification_id_reused", says });
  }
  if (unreadable !== null) {
    const says = `a notification that the gateway signed cannot be used: ${unreadable}`;
    found.push({ ...about, kind: "notification_unreadable", says });
  }
  if (reference !== null && delivery.state === "unmatched" && !arrival.isFailure) {
    const says = `the gateway reports status ${status} for ${reference}, and no payment attempt has that reference`;
    found.push({ ...about, kind: "notification_unmatched", subject: reference, says });
  }
  return found;
}

function distinct<T>(texts: readonly T[]): T[] {
  return [...new Set(texts)];
}
