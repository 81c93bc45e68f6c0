/** When it makes sense to run the same work again. */
export type Retry = "now" | "later" | "never";

/** Base of every error we throw. The `code` is stable; the message is for people. */
export abstract class AppError extends Error {
  abstract readonly code: string;
  abstract readonly retry: Retry;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.details = details;
  }
}

/** A rule of ours is broken: a bug, never an input. */
export class InvariantError extends AppError {
  readonly code = "invariant";
  readonly retry = "never";
}

/** What somebody gave us is wrong; the message names the field and what to do. */
export class InvalidError extends AppError {
  readonly code = "invalid";
  readonly retry = "never";
}

/** The thing that was named does not exist. */
export class NotFoundError extends AppError {
  readonly code = "not_found";
  readonly retry = "never";
}

/** The thing exists but is in a state that forbids this now. */
export class ConflictError extends AppError {
  readonly code = "conflict";
  readonly retry = "later";
}

/** A service we stand on (PostgreSQL, the queue, the gateway) does not answer. */
export class AwayError extends AppError {
  readonly code = "away";
  readonly retry = "later";
}
