/**
 * The `type:` of a value (sops.md §3.3). Nothing authenticates it, so it may decide nothing: what is delivered is the
 * plaintext that the MAC covers, whatever the type says.
 */

export type ValueType = "str" | "int" | "float" | "bool";

const CANONICAL: Record<ValueType, (text: string) => boolean> = {
  str: () => true,
  int: isCanonicalInt,
  float: isCanonicalFloat,
  bool: (text) => text === "True" || text === "False",
};
/** The longest float64 in positional notation: a sign, `0.`, 323 zeros, 17 digits. */
const MAX_NUMBER_LENGTH = 350;

export function isValueType(type: string): type is ValueType {
  return Object.hasOwn(CANONICAL, type);
}

/** Whether the real sops could have written this text with this type: it hashes the parsed value, not the text. */
export function isCanonical(type: ValueType, bytes: Buffer): boolean {
  return type === "str" || (bytes.length <= MAX_NUMBER_LENGTH && CANONICAL[type](bytes.toString("latin1")));
}

function isCanonicalInt(text: string): boolean {
  if (!/^(?:0|-?[1-9]\d{0,18})$/.test(text)) return false;
  return BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

/** Go's `FormatFloat(v, 'f', -1, 64)`: shortest digits, never an exponent. Infinity and NaN are no honest secrets. */
function isCanonicalFloat(text: string): boolean {
  const digits = text.startsWith("-") ? text.slice(1) : text;
  return /^\d+(?:\.\d+)?$/.test(digits) && Number.isFinite(Number(digits)) && positional(Number(digits)) === digits;
}

/**
 * What sops makes of a number in plaintext: an int64, or a float64 in positional notation. Null: neither holds it
 * exactly, so that sops would store another one.
 */
export function scalarOfNumber(digits: string): { readonly type: "int" | "float"; readonly text: string } | null {
  if (isCanonicalInt(digits)) return { type: "int", text: digits };
  const value = Number(digits);
  if (!Number.isFinite(value) || digits.length > MAX_NUMBER_LENGTH) return null;
  const text = `${digits.startsWith("-") ? "-" : ""}${positional(Math.abs(value))}`;
  // An integer beyond int64 is exact only where sops wrote it, with an exponent.
  return /^-?\d+$/.test(digits) && text !== digits ? null : { type: "float", text };
}

function positional(value: number): string {
  const [mantissa = "", exponent = ""] = value.toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const point = Number(exponent) + 1;
  if (point <= 0) return `0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return digits + "0".repeat(point - digits.length);
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}
