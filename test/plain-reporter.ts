import type { Reporter, TestModule } from "vitest/node";

/** Ends a run with one line for machines: "N passed, N failed", and one for what was left out. */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      let own = 0;
      for (const test of module.children.allTests()) {
        count[test.result().state] += 1;
        own += 1;
      }
      // A file that cannot even be loaded has no tests that could fail.
      if (own === 0 && module.errors().length > 0) count.failed += 1;
    }
    process.on("exit", () => {
      if (count.skipped + count.pending > 0) console.log(`${count.skipped + count.pending} skipped`);
      console.log(`${count.passed} passed, ${count.failed} failed`);
    });
  }
}
