/** What the processes of the naive contenders are told, as JSON in BENCH_NAIVE. */
export type NaiveSettings = {
  readonly databaseUrl: string;
  /** Null: BullMQ's PostgreSQL back end. */
  readonly redisUrl: string | null;
  readonly gatewayUrl: string;
  readonly port: number;
  readonly clientId: string;
  readonly secretKey: string;
  readonly privateKey: string;
  /** The one of several workers that also looks for what is due. */
  readonly schedules: boolean;
};

export function readSettings(): NaiveSettings {
  return JSON.parse(process.env["BENCH_NAIVE"] ?? "") as NaiveSettings;
}

/** Tells the bench that everything is up, and ends with it. */
export function sayReady(): void {
  process.on("disconnect", () => process.exit(0));
  process.on("SIGTERM", () => process.exit(0));
  process.send?.({ ready: true });
}
