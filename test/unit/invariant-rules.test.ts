import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { RULES } from "../../src/invariants/rules.ts";

it("there is a file for each rule, called as the rule, and each is in the list", () => {
  const files = readdirSync("src/invariants/rules").map((file) => file.replace(".store.ts", ""));
  expect(files.sort()).toEqual(RULES.map(({ name }) => name.replaceAll("_", "-")).sort());
});

it("the page lists the rules in their order, in the words of the rules", () => {
  const page = readFileSync("docs/invariants.md", "utf8");
  const rows = [...page.matchAll(/^\| `([a-z_]+)` \| (.+) \|$/gm)].map(([, name, says]) => ({ name, says }));
  expect(rows).toEqual(RULES.map(({ name, says }) => ({ name, says })));
});
