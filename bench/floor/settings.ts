/** What the floor's process is told, as JSON in BENCH_FLOOR. */
export type FloorSettings = {
  readonly databaseUrl: string;
  readonly gatewayUrl: string;
  readonly port: number;
  readonly clientId: string;
  readonly secretKey: string;
  readonly privateKey: string;
  /** Sockets to the gateway: no more than its latency asks for. */
  readonly connections: number;
};
