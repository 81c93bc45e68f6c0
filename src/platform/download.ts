/** An answer of a route that is a file of its own type, not JSON. Its route takes no Idempotency-Key. */
export type Download = {
  readonly contentType: string;
  readonly fileName: string;
  readonly content: string;
};

export function isDownload(body: unknown): body is Download {
  return typeof body === "object" && body !== null && "contentType" in body && "content" in body;
}
