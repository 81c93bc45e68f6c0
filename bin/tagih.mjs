#!/usr/bin/env node
import { existsSync } from "node:fs";

// Production runs what `npm run build` made; everywhere else the sources run as they are.
const built = new URL("../dist/src/app/cli.js", import.meta.url);
const sources = new URL("../src/app/cli.ts", import.meta.url);

const runsBuilt = process.env.NODE_ENV === "production" && existsSync(built);
if (!runsBuilt) {
  const { register } = await import("tsx/esm/api");
  register();
}
const { main } = await import(runsBuilt ? built.href : sources.href);
await main(process.argv);
