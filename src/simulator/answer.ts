/** One answer of the gateway. `code` is its seven digits: HTTP status, service, case. */
export type Answer = {
  readonly status: number;
  readonly code: string;
  readonly body: Readonly<Record<string, unknown>>;
};

/** Messages of SNAP by HTTP status and case code; what is missing falls back to the status. */
const MESSAGES: Readonly<Record<string, string>> = {
  "200": "Successful",
  "202": "Request In Progress",
  "40000": "Bad Request",
  "40001": "Invalid Field Format",
  "40002": "Invalid Mandatory Field",
  "40100": "Unauthorized",
  "40101": "Invalid Token (B2B)",
  "40102": "Invalid Customer Token",
  "40103": "Token Not Found (B2B)",
  "40104": "Customer Token Not Found",
  "40300": "Transaction Expired",
  "40301": "Feature Not Allowed",
  "40302": "Exceeds Transaction Amount Limit",
  "40303": "Suspected Fraud",
  "40304": "Activity Count Limit Exceeded",
  "40305": "Do Not Honor",
  "40306": "Feature Not Allowed At This Time",
  "40307": "Card Blocked",
  "40308": "Card Expired",
  "40309": "Dormant Account",
  "40310": "Need To Set Token Limit",
  "40311": "OTP Blocked",
  "40312": "OTP Lifetime Expired",
  "40313": "OTP Sent To Cardholder",
  "40314": "Insufficient Funds",
  "40315": "Transaction Not Permitted",
  "40316": "Suspend Transaction",
  "40317": "Token Limit Exceeded",
  "40318": "Inactive Card/Account/Customer",
  "40319": "Merchant Blacklisted",
  "40320": "Merchant Limit Exceed",
  "40321": "Set Limit Not Allowed",
  "40322": "Token Limit Invalid",
  "40323": "Account Limit Exceed",
  "40400": "Invalid Transaction Status",
  "40401": "Transaction Not Found",
  "40402": "Invalid Routing",
  "40403": "Bank Not Supported By Switch",
  "40404": "Transaction Cancelled",
  "40405": "Merchant Is Not Registered For Card Registration Services",
  "40408": "Invalid Merchant",
  "40409": "No Such Issuer",
  "40410": "Invalid API Transition",
  "40411": "Invalid Card/Account/Customer",
  "40412": "Invalid Bill",
  "40413": "Invalid Amount",
  "40414": "Paid Bill",
  "40415": "Invalid OTP",
  "40416": "Partner Not Found",
  "40418": "Inconsistent Request",
  "40419": "Invalid Bill/Virtual Account",
  "40500": "Requested Function Is Not Supported",
  "40501": "Requested Operation Is Not Allowed",
  "40900": "Conflict",
  "40901": "Duplicate partnerReferenceNo",
  "429": "Too Many Requests",
  "50000": "General Error",
  "50001": "Internal Server Error",
  "50002": "External Server Error",
  "504": "Timeout",
};

/** An answer with the code's own HTTP status and message; `fields` join the body, also over these. */
export function answerWith(code: string, fields: Readonly<Record<string, unknown>> = {}): Answer {
  return {
    status: Number(code.slice(0, 3)),
    code,
    body: { responseCode: code, responseMessage: messageOf(code), ...fields },
  };
}

/** A refusal that says more than the code does: `Unauthorized. Invalid Signature`, `Invalid Field Format {amount}`. */
export function refuse(code: string, detail: string): Answer {
  const separator = code.startsWith("400") ? " " : ". ";
  return answerWith(code, { responseMessage: `${messageOf(code)}${separator}${detail}` });
}

/** The message that belongs to a code. */
function messageOf(code: string): string {
  const status = code.slice(0, 3);
  return MESSAGES[status + code.slice(5)] ?? MESSAGES[status] ?? "General Error";
}
