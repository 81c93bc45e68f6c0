import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type EncryptionKey,
  newEncryptionKey,
  parseEncryptionKey,
  SealError,
  sealer,
} from "../../src/platform/secrets.ts";

function key(id: string): EncryptionKey {
  const made = parseEncryptionKey(newEncryptionKey(id));
  if (made === null) throw new Error("a new key cannot be read");
  return made;
}

const old = key("k1");
const fresh = key("k2");

test("what is sealed opens again, and only under its own context", () => {
  const { seal, open } = sealer([old]);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(open(seal(text, "customers/1/phone"), "customers/1/phone")).toBe(text);
    }),
  );
  expect(() => open(seal("0812", "customers/1/phone"), "customers/2/phone")).toThrow(SealError);
});

test("a sealed text names its form and key, and shows nothing else", () => {
  const sealed = sealer([old]).seal("081298765432", "c");
  expect(sealed).toMatch(/^v1:k1:[\w-]{16}:[\w-]{38}$/);
  expect(sealer([old]).seal("081298765432", "c")).not.toBe(sealed);
});

test("changing any character of a sealed text is noticed", () => {
  const { seal, open } = sealer([old]);
  const sealed = seal("a token", "c");
  for (let at = 0; at < sealed.length; at += 1) {
    const other = sealed[at] === "A" ? "B" : "A";
    const changed = sealed.slice(0, at) + other + sealed.slice(at + 1);
    // The last character of base64 may carry unused bits: then the bytes are the same.
    if (Buffer.from(changed, "base64url").equals(Buffer.from(sealed, "base64url"))) continue;
    const opened = () => open(changed, "c");
    if (lastOfPart(sealed, at)) expect(attempt(opened)).toBeOneOf(["a token", "refused"]);
    else expect(opened).toThrow(SealError);
  }
});

function lastOfPart(sealed: string, at: number): boolean {
  return at === sealed.length - 1 || sealed[at + 1] === ":";
}

function attempt(open: () => string): string {
  try {
    return open();
  } catch {
    return "refused";
  }
}

test.each(["", "plain text", "v2:k1:x:y", "v1:k1", "v1:k1::", "v1:k1:AAAA:AAAA", `v1:k1:${"A".repeat(16)}:`])(
  "%j is refused as not sealed by us",
  (text) => {
    expect(() => sealer([old]).open(text, "c")).toThrow(SealError);
  },
);

test("after a rotation the new key writes and the old one still reads", () => {
  const before = sealer([old]).seal("text", "c");
  const { seal, open } = sealer([fresh, old]);
  expect(open(before, "c")).toBe("text");
  expect(seal("text", "c")).toMatch(/^v1:k2:/);
  expect(() => sealer([fresh]).open(before, "c")).toThrow('lacks the key "k1"');
});

test("a rotation changes no blind index", () => {
  const index = sealer([old]).blindIndex("081298765432");
  expect(sealer([fresh, old]).blindIndex("081298765432")).toBe(index);
  expect(sealer([fresh]).blindIndex("081298765432")).not.toBe(index);
  expect(sealer([old]).blindIndex("081298765433")).not.toBe(index);
  expect(index).toMatch(/^[\w-]{43}$/);
});

test("a sealer without a key is a bug, not an open door", () => {
  expect(() => sealer([])).toThrow("needs a key");
});

test.each(["", "k1", "k1:short", `k 1:${"A".repeat(43)}=`, `k1:${"A".repeat(44)}`, `:${"A".repeat(43)}=`])(
  "%j is no encryption key",
  (text) => {
    expect(parseEncryptionKey(text)).toBeNull();
  },
);
