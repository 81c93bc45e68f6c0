/** Letters that Unicode does not take apart into a base letter and a mark. */
const SPELLED: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  Æ: "AE",
  œ: "oe",
  Œ: "OE",
  ø: "o",
  Ø: "O",
  đ: "d",
  Đ: "D",
  ð: "d",
  Ð: "D",
  þ: "th",
  Þ: "Th",
  ł: "l",
  Ł: "L",
  ı: "i",
  "‘": " ",
  "’": " ",
  "“": " ",
  "”": " ",
  "–": "-",
  "—": "-",
  "−": "-",
  "…": "...",
  "·": "-",
  "•": "-",
  "×": "x",
};

/**
 * Free text as the wire bears it: printable ASCII, no quotes, backslash or `= & < >`, single spaces, at
 * most `limit` characters; null when nothing is left. Every known way to canonicalise JSON before
 * signing leaves such text alone.
 */
export function plainText(text: string, limit: number): string | null {
  const plain = [...text.normalize("NFKD").replace(/\p{M}/gu, "")]
    .map((letter) => SPELLED[letter] ?? letter)
    .join("")
    .replace(/[^\x20-\x7e]|["'\\=&<>`]/g, " ")
    .replace(/ +/g, " ")
    .trim()
    .slice(0, limit)
    .trimEnd();
  return plain === "" ? null : plain;
}
