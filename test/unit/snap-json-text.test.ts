import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { plainText } from "../../src/gateway/snap/ascii.ts";
import { hasDuplicateKeys, minify, textIn } from "../../src/gateway/snap/json-text.ts";
import { isWireTimestamp, wireTimestamp } from "../../src/gateway/snap/signature.ts";
import { type Instant, instant } from "../../src/kernel/time.ts";

describe("JSON text", () => {
  test("minifying pretty-printed JSON gives the compact form, whatever the strings hold", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(minify(JSON.stringify(value, null, 2))).toBe(JSON.stringify(value));
      }),
    );
  });

  test.each([
    ['{"a":1,"a":2}', true],
    ['{"a":1,"\\u0061":2}', true],
    ['{"x":[{"a":1,"b":2},{"a":1}],"a":{"a":"a"}}', false],
    ['{"x":{"b":1,"c":{},"b":2}}', true],
    ['{"a":"} , \\"a\\":","b":"{"}', false],
    ['{"a" : 1 , "b":["a","a"]}', false],
    ['{"__proto__":1,"b":2}', false],
  ])("%s names a key twice: %s", (json, twice) => {
    expect(hasDuplicateKeys(json)).toBe(twice);
  });

  test("JSON that was written from an object never names a key twice", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(hasDuplicateKeys(JSON.stringify(value, null, 1))).toBe(false);
      }),
    );
  });

  test("text that PostgreSQL would refuse is mended, not lost", () => {
    expect(textIn({ says: "a\0b\ud800c" }, "says", 10)).toBe("a\uFFFDb\uFFFDc");
    expect(textIn({ says: "  " }, "says", 10)).toBeNull();
    expect(textIn({ says: 4035414 }, "says", 10)).toBe("4035414");
  });
});

describe("free text on the wire", () => {
  test.each([
    ["Paket Pro – Ağustos 2026", 40, "Paket Pro - Agustos 2026"],
    ["Zoë Müller & Søn", 40, "Zoe Muller Son"],
    ['"quoted" <b>\\back</b>\n=x', 40, "quoted b back /b x"],
    ["Langganan", 4, "Lang"],
    ["日本語 😀", 40, null],
    ["", 40, null],
  ])("%j becomes %j within %i", (text, limit, plain) => {
    expect(plainText(text, limit)).toBe(plain);
  });

  test("any text at all comes out as plain ASCII that JSON need not escape", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 70 }), (text, limit) => {
        const plain = plainText(text, limit) ?? "";
        expect(plain.length).toBeLessThanOrEqual(limit);
        expect(plain).toMatch(/^[\x20-\x7e]*$/);
        expect(JSON.stringify(plain)).toBe(`"${plain}"`);
      }),
    );
  });
});

describe("X-TIMESTAMP", () => {
  test("is sent in UTC with whole seconds, whatever the zone of the moment", () => {
    const at = instant(new Date("2025-01-15T05:06:07.089Z"));
    expect(wireTimestamp(at)).toBe("2025-01-15T05:06:07Z");
    expect(wireTimestamp(at.setZone("Asia/Jakarta") as Instant)).toBe("2025-01-15T05:06:07Z");
  });

  test.each([
    "2025-01-15T05:06:07Z",
    "2025-01-15T12:06:07+07:00",
    "2025-01-15T05:06:07-00:00",
    "2025-01-15T05:06:07.089Z",
    "2025-01-15T05:06:07.123456789+05:30",
    "2028-02-29T00:00:00Z",
  ])("%s is accepted", (text) => {
    expect(isWireTimestamp(text)).toBe(true);
  });

  test.each([
    "",
    "2025-01-15 05:06:07Z",
    "2025-01-15T05:06:07",
    "2025-01-15T05:06:07z",
    "2025-02-29T00:00:00Z",
    "2025-01-15T25:06:07Z",
    "2025-01-15T05:06:07+7:00",
    "2025-01-15T05:06:07+15:00",
    "2025-01-15T05:06:07.1234567890Z",
    "2025-01-15T05:06:07Z\n",
    "1736917567",
  ])("%j is refused", (text) => {
    expect(isWireTimestamp(text)).toBe(false);
  });
});
