import { describe, expect, it, test } from "vitest";
import { maskPhone, parsePhone } from "../../src/customers/phone.ts";
import { InvalidError } from "../../src/kernel/errors.ts";

describe("parsePhone", () => {
  test.each([
    ["081234567890", "6281234567890"],
    ["+6281234567890", "6281234567890"],
    ["6281234567890", "6281234567890"],
    ["+62 812-3456-7890", "6281234567890"],
    ["0812 3456 789", "628123456789"],
    ["0812.3456.7890", "6281234567890"],
    ["(0812) 3456 7890", "6281234567890"],
    ["  62 859 1234 56789 ", "62859123456789"],
    ["08123456", "628123456"],
  ])("%s is the wallet %s", (given, phone) => {
    expect(parsePhone(given)).toBe(phone);
  });

  test.each([
    ["", "nothing"],
    ["0812345", "too short"],
    ["08123456789012345", "longer than the wire takes"],
    ["+6521234567", "another country"],
    ["02112345678", "a landline"],
    ["62081234567890", "country code and trunk zero together"],
    ["+62+81234567890", "two plus signs"],
    ["081234x67890", "a letter"],
    ["٠٨١٢٣٤٥٦٧٨٩٠", "digits of another script"],
    ["812345678901", "neither 0 nor 62 in front"],
    ["0812\n34567890", "a line break"],
  ])("%j is refused: %s", (given) => {
    expect(() => parsePhone(given)).toThrow(InvalidError);
    expect(() => parsePhone(given)).toThrow(/^phone: /);
  });
});

it("a shown phone keeps only its first five digits and its last three", () => {
  expect(maskPhone("6281234567789")).toBe("+62812****789");
});
