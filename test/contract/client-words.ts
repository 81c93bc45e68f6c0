import type { Simulator } from "../../src/simulator/simulator.ts";
import { type Script, type Stage, URLS, type Url } from "./client-stages.ts";

/** One exchange: how both companies answer it, what our client does, and what it must understand. */
export type Case = {
  readonly name: string;
  /** DOKU's words, from sections 3 and 4 of the protocol. */
  readonly canned: Script;
  /** Brings the simulator to say the same. */
  readonly simulated: (sim: Simulator, stage: Stage) => void | Promise<void>;
  readonly act: (stage: Stage) => Promise<unknown>;
  readonly expected: object;
};

export const as = (code: string, more: object = {}, responseMessage = "Says") =>
  [Number(code.slice(0, 3)), JSON.stringify({ responseCode: code, responseMessage, ...more })] as const;
export const nothing = () => {};
export const scripted =
  (url: Url, outcome: string, times = 1) =>
  (sim: Simulator) =>
    sim.script({ match: { path: URLS[url] }, outcome, times });
export const verdict = (kind: string, more: object = {}) => ({ verdict: { kind, ...more } });
export const money = (value: number) => ({ value: `${value}.00`, currency: "IDR" });
