import { INQUIRY_CASES, REFUND_CASES } from "./client-late-cases.ts";
import {
  bindingOrder,
  forgetOurKey,
  PHONE,
  payment,
  payPage,
  type Script,
  type Stage,
} from "./client-stages.ts";
import { as, type Case, money, nothing, scripted, verdict } from "./client-words.ts";

const TOKEN_CASES: readonly Case[] = [
  {
    name: "our own token is renewed",
    canned: {},
    simulated: nothing,
    act: ({ gateway }) => gateway.renewOwnToken(),
    expected: { kind: "ok" },
  },
  {
    name: "our own keys are wrong",
    canned: { token: [as("4017300", {}, "Unauthorized. Invalid Signature")] },
    simulated: forgetOurKey,
    act: ({ gateway }) => gateway.renewOwnToken(),
    expected: { kind: "our_mistake", code: "4017300", message: "Unauthorized. Invalid Signature" },
  },
  {
    name: "the token call times out there",
    canned: { token: [as("5047300")] },
    simulated: scripted("token", "5047300"),
    act: ({ gateway }) => gateway.renewOwnToken(),
    expected: { kind: "away", code: "5047300", sent: true },
  },
  {
    name: "an authorisation is exchanged",
    canned: {
      customerToken: [
        as("2007400", {
          accessToken: "CT",
          tokenType: "Bearer",
          accessTokenExpiryTime: "2025-01-30T12:06:07+07:00",
          refreshToken: "RT",
          refreshTokenExpiryTime: "2026-01-15T12:06:07+07:00",
          additionalInfo: {},
        }),
      ],
    },
    simulated: nothing,
    act: ({ gateway, authCode }) => gateway.exchange({ authCode }),
    expected: {
      kind: "token",
      expiresAt: "2025-01-30T12:06:07.000+07:00",
      refreshExpiresAt: "2026-01-15T12:06:07.000+07:00",
    },
  },
  {
    name: "the customer unlinked in the app",
    canned: { customerToken: [as("4017400")] },
    simulated: (sim) => sim.unlink(PHONE),
    act: ({ gateway, authCode }) => gateway.exchange({ authCode }),
    expected: { kind: "unauthorised", code: "4017400" },
  },
  {
    name: "the exchange fails there",
    canned: { customerToken: [as("5007401")] },
    simulated: scripted("customerToken", "5007401"),
    act: ({ gateway, authCode }) => gateway.exchange({ authCode }),
    expected: { kind: "away", code: "5007401", sent: true },
  },
];

const READ_CASES: readonly Case[] = [
  {
    name: "a balance is read",
    canned: {
      balance: [
        as("2001100", {
          accountInfos: [
            { balanceType: "POINTS", availableBalance: money(7) },
            { balanceType: "CASH", amount: money(150_000), availableBalance: money(150_000) },
          ],
        }),
      ],
    },
    simulated: nothing,
    act: ({ gateway, customerToken }) => gateway.balance(customerToken),
    expected: { kind: "balance", available: 150_000 },
  },
  {
    name: "a balance is asked with a dead token",
    canned: { balance: [as("4011102")] },
    simulated: (sim) => sim.unlink(PHONE),
    act: ({ gateway, customerToken }) => gateway.balance(customerToken),
    expected: { kind: "token_dead", code: "4011102" },
  },
  {
    name: "the balance of a closed wallet is asked",
    canned: { balance: [as("4041111")] },
    simulated: (sim) => void sim.changeWallet(PHONE, { closed: true }),
    act: ({ gateway, customerToken }) => gateway.balance(customerToken),
    expected: { kind: "refused", declineClass: "binding", code: "4041111" },
  },
  {
    name: "the balance times out there",
    canned: { balance: [as("5041100")] },
    simulated: scripted("balance", "5041100"),
    act: ({ gateway, customerToken }) => gateway.balance(customerToken),
    expected: { kind: "away", code: "5041100", sent: true },
  },
  {
    name: "a token of ours is void there, and the balance is read with the next one",
    canned: { balance: [as("4011101"), as("2001100", { accountInfos: [{ amount: money(150_000) }] })] },
    simulated: scripted("balance", "4011101"),
    act: ({ gateway, customerToken }) => gateway.balance(customerToken),
    expected: { kind: "balance", available: 150_000 },
  },
];

const refuseBinding = (
  name: string,
  message: string,
  reason: string,
  simulated: Case["simulated"],
  customer?: string,
) => ({
  name: `a binding is refused: ${name}`,
  canned: { binding: [as("4030715", {}, `Transaction Not Permitted. ${message}`)] },
  simulated,
  act: ({ gateway }: Stage) => gateway.startBinding(bindingOrder(gateway, PHONE, customer)),
  expected: { kind: "refused", reason, code: "4030715", message: `Transaction Not Permitted. ${message}` },
});
const BINDING_CASES: readonly Case[] = [
  {
    name: "a binding is started",
    canned: {
      binding: [
        as("2000700", {
          referenceNo: "129260743966",
          redirectUrl: "http://127.0.0.1/bind/2238",
          additionalInfo: { custIdMerchant: "cust-001", accountStatus: "PENDING", authCode: "auth-1" },
        }),
      ],
    },
    simulated: (sim) => sim.unlink(PHONE),
    act: ({ gateway }) => gateway.startBinding(bindingOrder(gateway)),
    expected: { kind: "started" },
  },
  refuseBinding(
    "taken",
    "OVO account already registered by another customer",
    "taken_by_other",
    nothing,
    "cust-002",
  ),
  refuseBinding("bound", "Account Already Registered", "already_registered", nothing),
  refuseBinding("blocked", "OVO account blocked temporary", "blocked_for_now", (sim) => {
    sim.unlink(PHONE);
    sim.changeWallet(PHONE, { blocked: true });
  }),
  refuseBinding("none", "OVO account not available please register to ovo", "no_account", (sim) => {
    sim.unlink(PHONE);
    sim.changeWallet(PHONE, { closed: true });
  }),
  {
    name: "a binding times out there",
    canned: { binding: [as("5040700", {}, "Timeout")] },
    simulated: scripted("binding", "5040700"),
    act: ({ gateway }) => gateway.startBinding(bindingOrder(gateway)),
    expected: { kind: "away", code: "5040700" },
  },
  {
    name: "a link is ended",
    canned: { unbinding: [as("2000900", { referenceNo: "M5bbYAzwdZZy8LURCQp" })] },
    simulated: nothing,
    act: ({ gateway, customerToken }) => gateway.unbind(customerToken),
    expected: { kind: "unbound", code: "2000900", already: false },
  },
  {
    name: "a link is ended that was gone",
    canned: { unbinding: [as("4010902")] },
    simulated: (sim) => sim.unlink(PHONE),
    act: ({ gateway, customerToken }) => gateway.unbind(customerToken),
    expected: { kind: "token_dead", code: "4010902" },
  },
  {
    name: "a link is ended whose account is not there",
    canned: { unbinding: [as("4040911")] },
    simulated: scripted("unbinding", "4040911"),
    act: ({ gateway, customerToken }) => gateway.unbind(customerToken),
    expected: { kind: "unbound", already: true },
  },
  {
    name: "the end of a link times out there",
    canned: { unbinding: [as("5040900")] },
    simulated: scripted("unbinding", "5040900"),
    act: ({ gateway, customerToken }) => gateway.unbind(customerToken),
    expected: { kind: "away", sent: true },
  },
];

const pays = (amount?: number) => (stage: Stage) => stage.gateway.pay(payment(stage, amount));
const paysTwice = async (stage: Stage) => {
  const request = payment(stage);
  await stage.gateway.pay(request);
  return stage.gateway.pay(request);
};
/** A payment answered with a code that the simulator is told to say. */
const told = (code: string, expected: object, message = "Says"): Case => ({
  name: `a payment is answered ${code} ${message}`,
  canned: { payment: [as(code, { referenceNo: "" }, message)] },
  simulated: scripted("payment", message === "Says" ? code : `${code}:${message}`),
  act: pays(),
  expected,
});
const broken = (name: string, outcome: string, answer: NonNullable<Script["payment"]>[number]): Case => ({
  name: `a payment's answer ${name}`,
  canned: { payment: [answer] },
  simulated: scripted("payment", outcome),
  act: pays(),
  expected: verdict("unknown"),
});
const ACCEPTED = as("2005400", { referenceNo: "FBpAp0000000000000000000000000X1" }, "Successful");
const PAYMENT_CASES: readonly Case[] = [
  {
    name: "a payment is accepted",
    canned: { payment: [ACCEPTED] },
    simulated: nothing,
    act: pays(),
    expected: { ...verdict("accepted", { code: "2005400" }), raw: { httpStatus: 200 } },
  },
  {
    name: "a wallet is empty",
    canned: { payment: [as("4035414", { referenceNo: "" }, "Insufficient Funds")] },
    simulated: nothing,
    act: pays(150_001),
    expected: verdict("declined", { declineClass: "funds", code: "4035414", message: "Insufficient Funds" }),
  },
  {
    name: "a payment is sent again, byte for byte",
    canned: { payment: [ACCEPTED, [409, ACCEPTED[1]]] },
    simulated: nothing,
    act: paysTwice,
    expected: { ...verdict("accepted"), raw: { httpStatus: 409 } },
  },
  {
    name: "a payment's reference was used before",
    canned: { payment: [ACCEPTED, as("4095401")] },
    simulated: nothing,
    act: async (stage) => {
      await stage.gateway.pay(payment(stage));
      return stage.gateway.pay(payment(stage));
    },
    expected: verdict("unknown"),
  },
  {
    name: "a payment's X-EXTERNAL-ID was used for another",
    canned: { payment: [ACCEPTED, as("4095400")] },
    simulated: nothing,
    act: async (stage) => {
      const first = payment(stage);
      await stage.gateway.pay(first);
      return stage.gateway.pay({ ...payment(stage, 25_000, "REF-2"), externalId: first.externalId });
    },
    expected: verdict("unknown"),
  },
  {
    name: "a payment comes with a dead customer token",
    canned: { payment: [as("4015402")] },
    simulated: (sim) => sim.unlink(PHONE),
    act: pays(),
    expected: verdict("declined", { declineClass: "binding" }),
  },
  told("2025400", verdict("pending")),
  told("4015401", verdict("token_refused")),
  told("4035402", verdict("declined", { declineClass: "limit" })),
  told("4035415", verdict("declined", { declineClass: "limit" }), "OVO account blocked temporary"),
  told("4035415", verdict("declined", { declineClass: "binding" })),
  told("4045413", verdict("declined", { declineClass: "config" })),
  told("4295400", verdict("busy")),
  told("5005401", verdict("unknown")),
  told("5045400", verdict("unknown")),
  broken("is HTML", "502-html-after-commit", [502, "<html><body>502</body></html>"]),
  broken("is cut off", "truncated-json", [200, ACCEPTED[1].slice(0, 40)]),
  broken("never comes", "reset-after-commit", "hangs up"),
  {
    name: "a page to pay on is opened",
    canned: { payment: [as("2005400", { referenceNo: "FB2", webRedirectUrl: "http://127.0.0.1/pay/2238" })] },
    simulated: nothing,
    act: (stage) => stage.gateway.startPayPage(payPage(stage)),
    expected: {
      ...verdict("accepted"),
      redirectUrl: { asymmetricMatch: (url: string) => /^http:\/\/127\.0\.0\.1.*\/pay\/\d+$/.test(url) },
    },
  },
  {
    name: "a page to pay on is asked for again, byte for byte",
    canned: {
      payment: [
        as("2005400", { webRedirectUrl: "http://127.0.0.1/pay/1" }),
        [409, as("2005400", { webRedirectUrl: "http://127.0.0.1/pay/1" })[1]],
      ],
    },
    simulated: nothing,
    act: async (stage) => {
      const request = payPage(stage, stage.customerToken);
      const first = await stage.gateway.startPayPage(request);
      const second = await stage.gateway.startPayPage(request);
      return {
        kind: second.verdict.kind,
        same: first.redirectUrl === second.redirectUrl && first.redirectUrl !== null,
      };
    },
    expected: { kind: "accepted", same: true },
  },
  {
    name: "a page to pay on is not allowed",
    canned: { payment: [as("4035401")] },
    simulated: scripted("payment", "4035401"),
    act: (stage) => stage.gateway.startPayPage(payPage(stage)),
    expected: { ...verdict("declined", { declineClass: "config" }), redirectUrl: null },
  },
];

export const CASES: readonly Case[] = [
  ...TOKEN_CASES,
  ...READ_CASES,
  ...BINDING_CASES,
  ...PAYMENT_CASES,
  ...INQUIRY_CASES,
  ...REFUND_CASES,
];
