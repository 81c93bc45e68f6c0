import { describe, expect, it } from "vitest";
import { exceptionRoutes } from "../../src/exceptions/exception.routes.ts";
import { closeException, listExceptions, openExceptions } from "../../src/exceptions/exception.store.ts";
import { ConflictError, NotFoundError } from "../../src/kernel/errors.ts";
import type { InvoiceId, Reference } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { turnedClock } from "../../src/platform/clock.ts";
import type { Database } from "../../src/platform/database.ts";
import { randomUuid } from "../../src/platform/random.ts";
import { call } from "../support/call-route.ts";
import { at, NOON, roomsDatabase } from "../support/rooms.ts";

const EVERY = { state: null, kind: null, before: null } as const;

function open(db: Database, ...subjects: string[]): Promise<void> {
  return db.begin((tx) =>
    openExceptions(
      tx,
      subjects.map((subject) => ({ kind: "surplus", subject, says: `look at ${subject}`, at: NOON })),
    ),
  );
}

describe("exceptions", () => {
  it("keeps everything it was told", async () => {
    const db = await roomsDatabase();
    const invoiceId = randomUuid() as InvoiceId;
    const reference = "ABC-1" as Reference;
    const facts = { theirs: "x", many: [1, 2] };
    await db.begin((tx) =>
      openExceptions(tx, [
        {
          kind: "surplus",
          subject: "s",
          invoiceId,
          reference,
          amount: rupiah(5_000_000_000),
          says: "give it back",
          facts,
          at: NOON,
        },
      ]),
    );
    const [stored] = await db.begin((tx) => listExceptions(tx, EVERY, 10));
    expect(stored).toMatchObject({
      kind: "surplus",
      subject: "s",
      invoiceId,
      reference,
      amount: 5_000_000_000,
      facts,
    });
    expect(stored?.openedAt.toISO()).toBe(NOON.toISO());
  });

  it("the same fact met again, in one set or a later one, is one exception", async () => {
    const db = await roomsDatabase();
    await open(db, "a", "a", "b");
    await open(db, "b", "c");
    expect(await db.begin((tx) => listExceptions(tx, EVERY, 10))).toHaveLength(3);
  });

  it("two transactions that meet the same facts in another order do not deadlock", async () => {
    const db = await roomsDatabase();
    await Promise.all([
      open(db, "a", "b", "c", "d"),
      open(db, "d", "c", "b", "a"),
      open(db, "c", "a", "d", "b"),
    ]);
    expect(await db.begin((tx) => listExceptions(tx, EVERY, 10))).toHaveLength(4);
  });

  it("nothing to open is nothing to do", async () => {
    const db = await roomsDatabase();
    await open(db);
    expect(await db.begin((tx) => listExceptions(tx, EVERY, 10))).toEqual([]);
  });

  it("is closed once, with who and why, and stays closed when the fact is met again", async () => {
    const db = await roomsDatabase();
    await open(db, "a");
    const [found] = await db.begin((tx) => listExceptions(tx, { ...EVERY, state: "open" }, 10));
    const id = found?.id ?? "";
    const closing = { at: at("2027-03-11T00:00:00Z"), by: "sari", reason: "refunded by hand" };
    await db.begin((tx) => closeException(tx, id, closing));
    await open(db, "a");
    expect(await db.begin((tx) => listExceptions(tx, { ...EVERY, state: "open" }, 10))).toEqual([]);
    expect(await db.begin((tx) => listExceptions(tx, { ...EVERY, state: "closed" }, 10))).toMatchObject([
      { closedBy: "sari", closingReason: "refunded by hand" },
    ]);
    await expect(db.begin((tx) => closeException(tx, id, closing))).rejects.toThrow(ConflictError);
    await expect(db.begin((tx) => closeException(tx, "999", closing))).rejects.toThrow(NotFoundError);
  });

  it("the database refuses an exception that is closed without a reason", async () => {
    const db = await roomsDatabase();
    await open(db, "a");
    await expect(db.query(`update exceptions set closed_at = now()`)).rejects.toThrow(
      "exceptions_closed_with_reason",
    );
  });

  it("are listed page by page, newest first, and filtered by kind", async () => {
    const db = await roomsDatabase();
    await open(db, "a", "b", "c");
    const routes = exceptionRoutes({ db, clock: turnedClock });
    const first = await call(routes, "GET", "/exceptions", { query: { limit: "2" } });
    const second = await call(routes, "GET", "/exceptions", {
      query: { limit: "2", cursor: first["next_cursor"] },
    });
    const subjects = [first, second].map((page) =>
      (page["data"] as { subject: string }[]).map(({ subject }) => subject),
    );
    expect(subjects).toEqual([["c", "b"], ["a"]]);
    expect(second["next_cursor"]).toBeNull();
    expect(await call(routes, "GET", "/exceptions", { query: { kind: "other" } })).toMatchObject({
      data: [],
    });
  });

  it("are resolved over the API with a reason", async () => {
    const db = await roomsDatabase();
    await open(db, "a");
    const routes = exceptionRoutes({ db, clock: turnedClock });
    const [found] = await db.begin((tx) => listExceptions(tx, EVERY, 1));
    const path = "/exceptions/:id/resolve";
    const resolve = (id: string, reason: string) =>
      call(routes, "POST", path, { params: { id }, body: { reason } });
    await expect(resolve(found?.id ?? "", " ")).rejects.toThrow("must say in words how this was settled");
    await expect(resolve("x'1", "settled")).rejects.toThrow(NotFoundError);
    expect(await resolve(found?.id ?? "", "settled")).toMatchObject({ state: "closed", closed_by: "sari" });
  });
});
