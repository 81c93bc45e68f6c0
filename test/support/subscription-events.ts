import type { DecideTools } from "../../src/invoices/collect-tools.ts";
import { endInterruptions } from "../../src/invoices/end-interruptions.flow.ts";
import { openDueInvoices } from "../../src/invoices/open-invoices.flow.ts";
import { planChangeRoutes } from "../../src/invoices/plan-change.routes.ts";
import { subscriptionEventRoutes } from "../../src/invoices/subscription-events.routes.ts";
import type { ApiRoute } from "../../src/platform/api-route.ts";
import { setTurnedClock } from "../../src/platform/clock.ts";
import { calendarEventRoutes } from "../../src/subscriptions/calendar-events.routes.ts";
import { call } from "./call-route.ts";
import { at, type RoomsDatabase } from "./rooms.ts";

/** More than any page of these tests. */
const PAGE = 500;

export type EventTools = DecideTools & { readonly db: RoomsDatabase };

/** The routes by which people act on subscriptions, over the same tools as the tick. */
export function eventRoutes(tools: EventTools): ApiRoute[] {
  const windowFrom = tools.policy.window?.from ?? null;
  const ring = async () => {};
  return [
    ...calendarEventRoutes({ ...tools, billingZone: "Asia/Jakarta", windowFrom }),
    ...subscriptionEventRoutes({ decide: tools, ring }),
    ...planChangeRoutes({ decide: tools, ring }),
  ];
}

/** A clerk's order about a subscription, with a reason unless one is given; errors are thrown. */
export async function order(
  tools: EventTools,
  reference: string,
  doing: string,
  body: Readonly<Record<string, unknown>> = {},
  dryRun = false,
) {
  const path = `/subscriptions/:reference/${doing}`;
  return call(eventRoutes(tools), "POST", path, {
    params: { reference },
    body: { reason: "as the customer asked", ...body },
    dryRun,
  });
}

/** Business time moves to `iso`, and the house does what it does by itself: ends pauses and holds, opens invoices. */
export async function beatAt(tools: EventTools, iso: string): Promise<void> {
  await tools.db.begin((tx) => setTurnedClock(tx, at(iso)));
  await endInterruptions(tools, PAGE);
  while ((await openDueInvoices(tools, PAGE)).claimed > 0);
}

/** Every open invoice is paid, as if its payment had been recorded. */
export async function payAll({ db, clock }: EventTools): Promise<void> {
  await db.begin(async (tx) => {
    await tx.query(
      `update invoices set state = 'paid', paid_at = $1, closed_at = $1, next_action_at = null, waiting_for = null
        where state = 'open'`,
      [(await clock.now(tx)).toJSDate()],
    );
  });
}
