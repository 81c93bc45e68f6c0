import { defineConfig } from "vitest/config";

const EACH = {
  exclude: ["test/faults/**"],
  pool: "forks" as const,
  testTimeout: 30_000,
  hookTimeout: 60_000,
};

/** Files of a project share a process, and so load the house once: nothing of ours keeps state in a module. */
const SHARED = { ...EACH, isolate: false };

export default defineConfig({
  test: {
    reporters: ["default", "./test/plain-reporter.ts"],
    globalSetup: ["test/global-setup.ts"],
    maxWorkers: 2,
    // They run in the order of their names: what takes longest begins first, and the small files fill the end.
    projects: [
      { test: { ...SHARED, name: "doors", include: ["test/doors/**/*.test.ts"] } },
      {
        test: {
          ...SHARED,
          name: "rooms",
          include: ["test/*.test.ts", "test/{contract,scenarios,unit}/**/*.test.ts"],
        },
      },
      { test: { ...EACH, name: "store", include: ["test/store/**/*.test.ts"] } },
    ],
  },
});
