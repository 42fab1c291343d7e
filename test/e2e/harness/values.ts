/** Values that occur nowhere else: found in the wrong place, each is a leak and no accident. */
import { randomBytes } from "node:crypto";

/** 26 characters with 128 random bits; the last four tell two apart in what a bot prints of its key. */
export function randomValue(prefix = ""): string {
  const digits = BigInt(`0x${randomBytes(16).toString("hex")}`).toString(36);
  return prefix + digits.padStart(26, "0");
}

/** A key that every bot reports as refused by its exchange. */
export const badKey = (): string => randomValue("bad-");
