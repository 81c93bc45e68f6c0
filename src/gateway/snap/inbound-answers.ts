/** The services that DOKU calls on us: 73 token, 56 payment notification, 07 binding notification. */
export type InboundService = "73" | "56" | "07";

/** What the HTTP room sends back, ready to write. */
export type InboundAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** Everything we may say to DOKU (DOKU SNAP, "Notification", and SNAP's code table). */
const ANSWERS = {
  processed: { status: 200, caseCode: "00", says: "Request has been processed successfully" },
  bad_request: { status: 400, caseCode: "00", says: "Bad Request" },
  bad_format: { status: 400, caseCode: "01", says: "Invalid Field Format" },
  missing: { status: 400, caseCode: "02", says: "Invalid Mandatory Field" },
  bad_signature: { status: 401, caseCode: "00", says: "Unauthorized. Invalid Signature" },
  unknown_client: { status: 401, caseCode: "00", says: "Unauthorized. Unknown Client" },
  bad_token: { status: 401, caseCode: "01", says: "Invalid Token (B2B)" },
  bad_customer_token: { status: 401, caseCode: "02", says: "Invalid Customer Token" },
  unknown_reference: { status: 404, caseCode: "01", says: "Transaction Not Found" },
  id_reused: { status: 409, caseCode: "00", says: "Conflict" },
  failed: { status: 500, caseCode: "00", says: "General Error" },
} as const satisfies Record<string, { status: number; caseCode: string; says: string }>;

export type InboundOutcome = keyof typeof ANSWERS;

/** The answer for an outcome; `field` is added to the text where DOKU needs to know which one. */
export function inboundAnswer(
  service: InboundService,
  outcome: InboundOutcome,
  field?: string,
): InboundAnswer {
  const { status, caseCode, says } = ANSWERS[outcome];
  return jsonAnswer(status, {
    responseCode: `${status}${service}${caseCode}`,
    responseMessage: field === undefined ? says : `${says} ${field}`,
  });
}

/** A JSON answer with the one content type that SNAP knows. */
export function jsonAnswer(
  status: number,
  body: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): InboundAnswer {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}
