import { openExceptions } from "../exceptions/exception.store.ts";
import type { InvoiceId, Reference } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { Consequences, ExceptionNote } from "./consequences.ts";
import { saveLongerStop } from "./stop.store.ts";

type Noted = {
  readonly invoiceId: InvoiceId;
  readonly reference: Reference | null;
  readonly exceptions: readonly ExceptionNote[];
  readonly facts: Readonly<Record<string, unknown>>;
};

/** Opens the exceptions that news or checks brought; the same fact opens one exception, however often it is told. */
export async function noteExceptions(tx: Tx, noted: readonly Noted[], now: Instant): Promise<void> {
  await openExceptions(
    tx,
    noted.flatMap(({ invoiceId, reference, exceptions, facts }) =>
      exceptions.map((note) => ({
        kind: note.kind,
        subject: subjectOf(note, reference ?? invoiceId),
        invoiceId,
        ...(reference === null ? {} : { reference }),
        ...(note.amount === null ? {} : { amount: note.amount }),
        says: note.says,
        facts,
        at: now,
      })),
    ),
  );
}

function subjectOf(note: ExceptionNote, about: string): string {
  return (note.kind === "second_gateway_reference" ? `${about}/${note.says}` : about).slice(0, 200);
}

/** Stops all sending because our keys or our contract are wrong; it ends by itself and is then tried again. */
export async function setStop(tx: Tx, stop: Consequences["stop"], zone: string, now: Instant): Promise<void> {
  if (stop === null) return;
  const tomorrow = now.setZone(zone).plus({ days: 1 }).startOf("day").toUTC() as Instant;
  const endsAt = stop.until === "an_hour" ? now.plus({ hours: 1 }) : tomorrow;
  await saveLongerStop(tx, {
    scope: "all",
    target: "",
    reason: stop.reason,
    endsAt,
    setBy: "tagih",
    at: now,
  });
}
