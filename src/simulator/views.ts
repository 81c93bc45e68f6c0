import { isoTime } from "./wire-time.ts";
import type { Movement, Notification, RequestRecord, World } from "./world.ts";

type Timed<T> = Omit<T, "at"> & { readonly at: string };

/** A movement of money with its time in ISO-8601, UTC. */
export type MovementView = Timed<Movement>;
/** A request with its time in ISO-8601, UTC. */
export type RequestView = Timed<RequestRecord>;
/** A notification with its times in ISO-8601, UTC. */
export type NotificationView = Omit<Notification, "createdAt" | "attempts"> & {
  readonly createdAt: string;
  readonly attempts: readonly Timed<Notification["attempts"][number]>[];
};
/** Where the clock stands; `busy` while a request or notification is on its way. */
export type ClockView = {
  readonly now: string;
  readonly turned: boolean;
  readonly nextEventAt: string | null;
  readonly busy: boolean;
};

/** Every movement of money, oldest first. */
export function ledgerView(world: World): MovementView[] {
  return world.ledger.map((movement) => ({ ...movement, at: isoTime(movement.at) }));
}

/** Every request to the eight systems, oldest first. */
export function requestsView(world: World): RequestView[] {
  return world.requests.map((request) => ({ ...request, at: isoTime(request.at) }));
}

/** One notification as it is shown. */
export function notificationView(notification: Notification): NotificationView {
  return {
    ...notification,
    createdAt: isoTime(notification.createdAt),
    attempts: notification.attempts.map((attempt) => ({ ...attempt, at: isoTime(attempt.at) })),
  };
}

/** Every notification with what the merchant answered, oldest first. */
export function notificationsView(world: World): NotificationView[] {
  return [...world.notifications.values()].map(notificationView);
}

/** The clock as it is shown. */
export function clockView(world: World): ClockView {
  const next = world.clock.nextEventAt();
  return {
    now: isoTime(world.clock.now()),
    turned: world.clock.isTurned(),
    nextEventAt: next === null ? null : isoTime(next),
    busy: world.inFlight.count > 0,
  };
}
