import { AppError } from "../kernel/errors.ts";
import { sqlState } from "./database.ts";

/** One wrong field of an input: `field` is a body path, a query parameter or a header. */
export type FieldProblem = { readonly field: string; readonly message: string };

/** The body of every refusal of the HTTP API (RFC 9457, `application/problem+json`). */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Stable and for programs; `type` ends in it. */
  readonly code: ProblemCode;
  readonly instance?: string;
  readonly errors?: readonly FieldProblem[];
};

/** Every refusal that there is. */
export const PROBLEM_KINDS = {
  malformed: { status: 400, title: "Malformed request" },
  unauthorised: { status: 401, title: "No valid API key" },
  forbidden: { status: 403, title: "Not allowed for this role" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  conflict: { status: 409, title: "Not possible in the present state" },
  too_large: { status: 413, title: "Request too large" },
  unsupported_media_type: { status: 415, title: "Unsupported media type" },
  invalid: { status: 422, title: "Invalid input" },
  internal: { status: 500, title: "Internal error" },
  away: { status: 503, title: "A service we need does not answer" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEM_KINDS;

/** What the door itself refuses, before any room was asked. */
export class DoorError extends AppError {
  readonly code: ProblemCode;
  readonly retry = "never";
  constructor(code: ProblemCode, message: string, options?: ErrorOptions) {
    super(message, {}, options);
    this.code = code;
  }
}

/**
 * The one place where an error becomes an HTTP answer. Only messages written for people pass; of an
 * unexpected error the caller learns nothing but `id`, under which the log has the whole of it.
 * `InvalidError` details may hold `errors: FieldProblem[]`, or `field` when the message is about one.
 */
export function problemOf(error: unknown, id: string): Problem {
  if (error instanceof AppError && isProblemCode(error.code) && error.code !== "internal") {
    const errors = fieldProblems(error);
    return { ...problem(error.code, error.message), ...(errors.length === 0 ? {} : { errors }) };
  }
  if (isAway(error)) return problem("away", "PostgreSQL does not answer; try again in a moment");
  if (UNSTORABLE.has(sqlState(error) ?? ""))
    return problem("invalid", "a text holds a character that cannot be stored, such as NUL");
  const code = refusedByFramework(error);
  if (code !== null) return problem(code, FRAMEWORK_SAYS[code]);
  return {
    ...problem("internal", `something went wrong on our side; the log has it under ${id}`),
    instance: `urn:uuid:${id}`,
  };
}

function problem(code: ProblemCode, detail: string): Problem {
  return { type: `/api/docs#${code}`, ...PROBLEM_KINDS[code], detail, code };
}

function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEM_KINDS, code);
}

function fieldProblems(error: AppError): readonly FieldProblem[] {
  const { errors, field } = error.details;
  if (Array.isArray(errors)) return errors.filter(isFieldProblem);
  return typeof field === "string" ? [{ field, message: error.message }] : [];
}

function isFieldProblem(value: unknown): value is FieldProblem {
  const { field, message } = (value ?? {}) as { readonly field?: unknown; readonly message?: unknown };
  return typeof field === "string" && typeof message === "string";
}

/** PostgreSQL's word for text outside UTF-8 and for NUL. */
const UNSTORABLE: ReadonlySet<string> = new Set(["22021", "22P05"]);

/** Connection exceptions, shut-downs and "too many connections" of PostgreSQL, and of the socket to it. */
function isAway(error: unknown): boolean {
  if (/^(?:08|57P0|53300)/.test(sqlState(error) ?? "")) return true;
  if (!(error instanceof Error)) return false;
  const { code } = error as { readonly code?: unknown };
  return (
    (typeof code === "string" && /^(?:ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|57P0\d|53300)$/.test(code)) ||
    /^Connection terminated|^timeout exceeded when trying to connect/.test(error.message)
  );
}

const FRAMEWORK_SAYS = {
  malformed: "the request cannot be read: check its URL, headers and Content-Length",
  too_large: "the body is larger than 64 kB",
  unsupported_media_type: "send the body as Content-Type: application/json",
} as const;

/** Refusals that Fastify makes while it reads a request. */
function refusedByFramework(error: unknown): keyof typeof FRAMEWORK_SAYS | null {
  const { code, statusCode } = (error ?? {}) as { readonly code?: unknown; readonly statusCode?: unknown };
  if (typeof code !== "string" || !code.startsWith("FST_ERR_")) return null;
  if (statusCode === 413) return "too_large";
  if (statusCode === 415) return "unsupported_media_type";
  return typeof statusCode === "number" && statusCode >= 400 && statusCode < 500 ? "malformed" : null;
}
