/**
 * The response codes of the protocol's section 5, written by hand from it and from section 4, with what each of our
 * calls must make of them. `class` is the document's own word for the payment.
 */
export type CodeRow = {
  readonly code: string;
  readonly class: "SUCCESS" | "ACCEPTED" | "PENDING" | "SOFT" | "HARD" | "CONFIG" | "TRANSIENT";
  readonly payment: string;
  readonly refund: string;
  readonly binding: string;
  readonly balance: string;
  readonly exchange: string;
  readonly unbinding: string;
  /** What the inquiry's own code says of the payment; all but two say nothing. */
  readonly status: string;
};

// HTTP and case · class · payment · refund · binding · balance · exchange · unbinding
const TABLE = `
202-00 PENDING   pending           pending                  away                   away            away         away
400-00 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
400-01 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
400-02 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
401-00 CONFIG    declined:config   declined:config          our_mistake            our_mistake     unauthorised our_mistake
401-01 TRANSIENT token_refused     token_refused            our_mistake            our_mistake     unauthorised our_mistake
401-02 HARD      declined:binding  declined:customer_token  refused:other          token_dead      unauthorised token_dead
401-03 TRANSIENT token_refused     token_refused            our_mistake            our_mistake     unauthorised our_mistake
401-04 HARD      declined:binding  declined:customer_token  refused:other          token_dead      unauthorised token_dead
403-00 PENDING   unknown           unknown                  away                   away            away         away
403-01 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
403-02 SOFT      declined:limit    declined:limit           refused:other          refused:limit   away         refused
403-03 HARD      declined:account  declined:account         refused:other          refused:account away         refused
403-04 SOFT      declined:limit    declined:limit           refused:other          refused:limit   away         refused
403-05 SOFT      declined:risk     declined:limit           refused:other          refused:risk    away         refused
403-06 SOFT      declined:window   declined:window          refused:other          refused:window  away         refused
403-07 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
403-08 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
403-09 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
403-10 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
403-11 HARD      declined:binding  declined:account         refused:blocked_for_now refused:binding away        refused
403-12 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
403-13 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
403-14 SOFT      declined:funds    declined:limit           refused:other          refused:funds   away         refused
403-15 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
403-16 PENDING   unknown           unknown                  away                   away            away         away
403-17 SOFT      declined:limit    declined:limit           refused:other          refused:limit   away         refused
403-18 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
403-19 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
403-20 CONFIG    declined:config   declined:limit           our_mistake            our_mistake     our_mistake  our_mistake
403-21 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
403-22 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
403-23 SOFT      declined:limit    declined:limit           refused:other          refused:limit   away         refused
404-00 PENDING   unknown           unknown                  away                   away            away         away
404-01 PENDING   unknown           declined:payment_unknown away                   away            away         away
404-02 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
404-03 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
404-04 HARD      declined:risk     declined:account         refused:other          refused:risk    away         refused
404-05 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
404-06 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
404-07 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
404-08 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
404-09 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
404-10 PENDING   unknown           unknown                  away                   away            away         away
404-11 HARD      declined:binding  declined:account         refused:no_account     refused:binding away         unbound:already
404-12 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
404-13 CONFIG    declined:config   declined:amount          our_mistake            our_mistake     our_mistake  our_mistake
404-14 PENDING   unknown           unknown                  away                   away            away         away
404-15 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
404-16 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
404-17 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
404-18 PENDING   unknown           already_done:certain     away                   away            away         away
404-19 HARD      declined:binding  declined:account         refused:other          refused:binding away         refused
405-00 CONFIG    declined:config   declined:config          our_mistake            our_mistake     our_mistake  our_mistake
405-01 CONFIG    declined:config   declined:not_allowed     our_mistake            our_mistake     our_mistake  our_mistake
409-00 PENDING   unknown           unknown                  away                   away            away         away
409-01 PENDING   unknown           already_done:ask         away                   away            away         away
429-00 TRANSIENT busy              busy                     away                   away            away         away
500-00 PENDING   unknown           unknown                  away                   away            away         away
500-01 PENDING   unknown           unknown                  away                   away            away         away
500-02 PENDING   unknown           unknown                  away                   away            away         away
504-00 PENDING   unknown           unknown                  away                   away            away         away
`;

/** Codes that no document knows: doubt for money, "try again" for reads. */
const UNKNOWN_CODES = [
  "200-01",
  "200-99",
  "203-00",
  "400-03",
  "401-05",
  "403-24",
  "403-99",
  "404-20",
  "404-99",
];
const MORE_UNKNOWN = [
  "405-02",
  "406-00",
  "409-02",
  "410-00",
  "428-00",
  "500-03",
  "502-00",
  "503-00",
  "504-01",
];

/** Every code but success, with what each call makes of it. */
export const CODE_ROWS: readonly CodeRow[] = [
  ...TABLE.trim().split("\n"),
  ...[...UNKNOWN_CODES, ...MORE_UNKNOWN].map(
    (code) => `${code} PENDING unknown unknown away away ${code === "401-05" ? "unauthorised" : "away"} away`,
  ),
].map((line) => {
  const [
    code = "",
    section = "",
    payment = "",
    refund = "",
    binding = "",
    balance = "",
    exchange = "",
    unbinding = "",
  ] = line.trim().split(/\s+/);
  const status = code === "404-01" ? "not_found" : "unknown";
  return {
    code,
    class: section as CodeRow["class"],
    payment,
    refund,
    binding,
    balance,
    exchange,
    unbinding,
    status,
  };
});
