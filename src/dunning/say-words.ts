import type { DeclineClass } from "../gateway/gateway.ts";
import type { Move, Rejected } from "./explanation.ts";
import type { EndAction } from "./policy.ts";

const LANGUAGES = ["en", "id"] as const;
export type Language = (typeof LANGUAGES)[number];

/** All that a sentence about a decision is made of, in one language. Texts are for support staff: plain, no code. */
export type Words = {
  readonly months: readonly string[];
  readonly today: string;
  readonly tomorrow: string;
  readonly now: string;
  readonly clock: (time: string) => string;
  readonly classes: Readonly<Record<DeclineClass, string>>;
  readonly short: (available: string, amount: string) => string;
  readonly enough: (available: string) => string;
  readonly declined: (why: string, code: string) => string;
  readonly unread: (code: string) => string;
  readonly look: (at: string) => string;
  readonly try: (at: string) => string;
  readonly firstTry: (at: string) => string;
  readonly afterCutOff: string;
  readonly unseen: string;
  readonly readAgain: string;
  readonly moneyIsThere: string;
  readonly withOther: string;
  readonly moves: Readonly<Record<Move["because"], string>>;
  readonly budget: (sent: number) => string;
  readonly noMoreTries: string;
  readonly end: (at: string, action: string) => string;
  readonly endedBecause: Readonly<Record<"days_spent" | "next_bill", string>>;
  readonly actions: Readonly<Record<EndAction, string>>;
  readonly doubt: string;
  readonly method: string;
  readonly person: (why: string) => string;
  readonly olderBill: (at: string) => string;
  readonly notOn: (what: Rejected["what"], on: string, why: string) => string;
  readonly why: Readonly<Record<Rejected["why"], string>>;
};

const ENGLISH: Words = {
  months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
  today: "today",
  tomorrow: "tomorrow",
  now: "now",
  clock: (time) => time,
  classes: {
    funds: "not enough money",
    limit: "a limit of the wallet",
    window: "the gateway was closed",
    binding: "the wallet is not linked any more",
    account: "the wallet is blocked",
    risk: "refused as a risk",
    config: "our mistake",
    unclassified: "no reason given",
  },
  short: (available, amount) => `not asked: balance ${available} of ${amount}`,
  enough: (available) => `balance ${available}`,
  declined: (why, code) => `declined: ${why} (${code})`,
  unread: (code) => `the balance could not be read (${code})`,
  look: (at) => `next look ${at}`,
  try: (at) => `next try ${at}`,
  firstTry: (at) => `first try ${at}`,
  afterCutOff: "when the gateway is open again",
  unseen: "without reading the balance",
  readAgain: "after reading the balance again",
  moneyIsThere: "the money is there",
  withOther: "together with another bill of this wallet",
  moves: {
    payday: "payday",
    holiday: "after the holiday",
    window: "within the charge window",
    customer_budget: "this wallet was asked often enough today",
    asked_today: "it was asked today already",
  },
  budget: (sent) => `${sent} requests were sent, as many as the policy allows`,
  noMoreTries: "no more tries",
  end: (at, action) => `${at}: ${action}`,
  endedBecause: {
    days_spent: "the days for collecting are over",
    next_bill: "the next bill opens",
  },
  actions: {
    unpaid: "the subscription becomes unpaid",
    cancel: "the subscription is canceled",
    pause: "the subscription is paused",
    carry_on: "the subscription carries on, and this bill stays open",
    write_off: "this bill is written off",
  },
  doubt: "whether money was taken is not known yet: the gateway is asked, and nothing is sent until then",
  method: "waits until the customer links the wallet",
  person: (why) => `waits for one of us: ${why}`,
  olderBill: (at) => `an older bill of this wallet comes first; looked at again ${at}`,
  notOn: (what, on, why) => `no ${what === "try" ? "try" : "look"} ${on}: ${why}`,
  why: {
    bill_budget_spent: "the requests for this bill are used up",
    customer_budget_spent: "this wallet was asked often enough today",
    asked_today: "it was asked today already",
    after_the_end: "collecting is over by then",
    later_than_chosen: "an earlier try was chosen",
    after_the_try: "the try comes first",
  },
};

const INDONESIAN: Words = {
  months: ["Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"],
  today: "hari ini",
  tomorrow: "besok",
  now: "sekarang",
  clock: (time) => time.replace(":", "."),
  classes: {
    funds: "saldo tidak cukup",
    limit: "batas transaksi dompet",
    window: "gateway sedang tutup",
    binding: "dompet tidak lagi terhubung",
    account: "dompet diblokir",
    risk: "ditolak karena risiko",
    config: "kesalahan di pihak kami",
    unclassified: "tanpa alasan",
  },
  short: (available, amount) => `tidak ditagih: saldo ${available} dari ${amount}`,
  enough: (available) => `saldo ${available}`,
  declined: (why, code) => `ditolak: ${why} (${code})`,
  unread: (code) => `saldo tidak dapat dibaca (${code})`,
  look: (at) => `cek saldo berikutnya ${at}`,
  try: (at) => `penagihan berikutnya ${at}`,
  firstTry: (at) => `penagihan pertama ${at}`,
  afterCutOff: "setelah gateway buka kembali",
  unseen: "tanpa membaca saldo",
  readAgain: "setelah saldo dibaca lagi",
  moneyIsThere: "saldonya cukup",
  withOther: "bersama tagihan lain dari dompet ini",
  moves: {
    payday: "hari gajian",
    holiday: "setelah hari libur",
    window: "dalam jam penagihan",
    customer_budget: "dompet ini sudah cukup sering ditagih hari ini",
    asked_today: "sudah ditagih hari ini",
  },
  budget: (sent) => `${sent} permintaan sudah dikirim, sebanyak yang diizinkan kebijakan`,
  noMoreTries: "tidak ada penagihan lagi",
  end: (at, action) => `${at}: ${action}`,
  endedBecause: {
    days_spent: "masa penagihan berakhir",
    next_bill: "tagihan berikutnya dibuka",
  },
  actions: {
    unpaid: "langganan menjadi belum dibayar",
    cancel: "langganan dibatalkan",
    pause: "langganan dijeda",
    carry_on: "langganan tetap berjalan dan tagihan ini tetap terbuka",
    write_off: "tagihan ini dihapusbukukan",
  },
  doubt:
    "belum diketahui apakah uang sudah diambil: gateway ditanya, dan sampai saat itu tidak ada yang dikirim",
  method: "menunggu pelanggan menghubungkan dompetnya",
  person: (why) => `menunggu petugas kami: ${why}`,
  olderBill: (at) => `tagihan dompet ini yang lebih lama didahulukan; dilihat lagi ${at}`,
  notOn: (what, on, why) => `tidak ada ${what === "try" ? "penagihan" : "cek saldo"} ${on}: ${why}`,
  why: {
    bill_budget_spent: "jatah permintaan untuk tagihan ini sudah habis",
    customer_budget_spent: "dompet ini sudah cukup sering ditagih hari ini",
    asked_today: "sudah ditagih hari ini",
    after_the_end: "masa penagihan sudah berakhir",
    later_than_chosen: "penagihan yang lebih awal dipilih",
    after_the_try: "penagihan didahulukan",
  },
};

export const WORDS: Readonly<Record<Language, Words>> = { en: ENGLISH, id: INDONESIAN };
