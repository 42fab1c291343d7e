import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createRedactor, MARK } from "../../src/report/redact.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
/** Holds something for every encoding to change. */
const CANARY = 'c4nary/"+<é>\n& s3cret';

function knowing(...values: string[]) {
  const redactor = createRedactor();
  redactor.remember(values.map(bytes));
  return redactor;
}

describe("the redactor", () => {
  const json = JSON.stringify(CANARY).slice(1, -1);
  const base64 = Buffer.from(CANARY).toString("base64");
  it.each([
    ["raw", CANARY],
    ["in JSON", json],
    ["in JSON in JSON", JSON.stringify(json).slice(1, -1)],
    ["in Go's JSON", json.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")],
    ["base64", base64],
    ["base64 without padding", base64.replace(/=+$/, "")],
    ["base64url", Buffer.from(CANARY).toString("base64url")],
    ["hex", Buffer.from(CANARY).toString("hex")],
    ["HEX", Buffer.from(CANARY).toString("hex").toUpperCase()],
    ["in base64 behind a name", Buffer.from(`user:${CANARY}`).toString("base64").slice(7)],
    ["as shells quote it", CANARY.replaceAll('"', '\\"')],
    [
      "in HTML",
      CANARY.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;"),
    ],
    ["hashed", createHash("sha256").update(CANARY).digest("hex")],
    ["percent-encoded", encodeURIComponent(CANARY)],
    ["percent-encoded in lower case", encodeURIComponent(CANARY).replace(/%../g, (escape) => escape.toLowerCase())],
    ["as a form encodes it", encodeURIComponent(CANARY).replaceAll("%20", "+")],
  ])("finds a value %s", (_, form) => {
    const redacted = knowing(CANARY).redact(`a ${form} b ${form}`);
    expect(redacted.replace(/=+/g, "")).toBe(`a ${MARK} b ${MARK}`);
  });

  it("knows every form of the newest hundred values of a large bundle, and the usual ones of all", () => {
    const values = Array.from({ length: 300 }, (_, index) => `value/number ${index} of many`);
    const redactor = knowing(...values);
    const usual = values.map((value) => Buffer.from(value).toString("base64").replace(/=+$/, ""));
    expect(new Set(usual.map((text) => redactor.redact(text)))).toEqual(new Set([MARK]));
    const digests = values.map((value) => createHash("sha512").update(value).digest("hex"));
    expect(digests.map((text) => redactor.redact(text)).filter((text) => text === MARK)).toHaveLength(100);
  });

  it("finds a value that lost the blanks around it", () => {
    expect(knowing("  trimmed-canary\n").redact("token trimmed-canary!")).toBe(`token ${MARK}!`);
  });

  it("leaves nothing of two values that overlap, or of one inside another", () => {
    expect(knowing("abcdefgh", "efghijkl").redact("<abcdefghijkl>")).toBe(`<${MARK}>`);
    expect(knowing("s3cret", "s3cret-long").redact("<s3cret-long> <s3cret>")).toBe(`<${MARK}> <${MARK}>`);
    expect(knowing("aaaaaa").redact("aaaaaaaaa")).toBe(MARK);
  });

  it("leaves values alone that are too short to mean anything", () => {
    expect(knowing("false").redact("false")).toBe("false");
    expect(knowing("     x\n").redact("x")).toBe("x");
    expect(knowing("ééé").redact("ééé")).toBe(MARK);
    expect(knowing("warning").redact('{"level":"warning"}')).toBe('{"level":"warning"}');
    expect(knowing("warning-7f3a").redact("warning-7f3a")).toBe(MARK);
  });

  it("finds bytes that are no text in their encodings", () => {
    const value = Uint8Array.from([0xff, 0xfe, 0, 1, 2, 3, 4, 5]);
    const redactor = createRedactor();
    redactor.remember([value]);
    expect(redactor.redact(`x ${Buffer.from(value).toString("hex")}`)).toBe(`x ${MARK}`);
  });

  it("keeps the values of earlier bundles", () => {
    const redactor = knowing("old-value");
    redactor.remember([bytes("new-value")]);
    expect(redactor.redact("old-value new-value")).toBe(`${MARK} ${MARK}`);
  });

  it("knows all values in all forms, whenever each of them came and whatever was printed before it", () => {
    const redactor = createRedactor();
    const came: string[] = [];
    const forms = (value: string): string[] => [
      value,
      Buffer.from(value).toString("hex"),
      createHash("sha256").update(value).digest("base64url"),
    ];
    for (let turn = 0; turn < 16; turn++) {
      came.push(...Array.from({ length: [0, 1, 1, 20][turn % 4]! }, (_, index) => `canary/${turn}.${index}`));
      // As a bundle has it: all of those that are in force, of which few are new.
      redactor.remember(came.slice(-30).map(bytes));
      for (let texts = 0; texts < turn % 7; texts++) redactor.redact("a line that says nothing");
      const text = came.flatMap(forms).join(" ");
      expect(redactor.redact(text)).toBe(came.flatMap((value) => forms(value).map(() => MARK)).join(" "));
    }
  });

  it("forgets the oldest beyond its bound, and never one of the present bundle", () => {
    const redactor = createRedactor(2);
    redactor.remember(["value-1", "value-2"].map(bytes));
    redactor.remember(["value-1", "value-3"].map(bytes));
    expect(redactor.redact("value-1 value-2 value-3")).toBe(`${MARK} value-2 ${MARK}`);
    redactor.remember(["value-4", "value-5", "value-6"].map(bytes));
    expect(redactor.redact("value-1 value-4 value-5 value-6")).toBe(`value-1 ${MARK} ${MARK} ${MARK}`);
  });

  it.each([
    ["ascii", "0123456789abcdef".repeat(500)],
    ["two-byte characters", "é".repeat(5000)],
    ["three-byte characters", "€".repeat(5000)],
    ["four-byte characters", `x${"😀".repeat(5000)}`],
  ])("covers a long value of %s to the end of the text", (_, value) => {
    const redactor = knowing(value);
    expect(redactor.redact(`a ${value} b`)).toBe(`a ${MARK}`);
    expect(redactor.redact(`a ${JSON.stringify({ value })}`)).toBe(`a {"value":"${MARK}`);
    expect(redactor.redact(`a ${Buffer.from(value).toString("base64")}`)).toBe(`a ${MARK}`);
    expect(redactor.redact("a b")).toBe("a b");
  });

  it("finds an age identity that nobody told it of", () => {
    expect(createRedactor().redact(`key AGE-SECRET-KEY-1${"Q".repeat(58)}.`)).toBe(`key ${MARK}.`);
    expect(createRedactor().redact(`key AGE-SECRET-KEY-PQ-1${"Q".repeat(58)}.`)).toBe(`key ${MARK}.`);
  });
});

it("keeps no character of base64, whatever the length, in either alphabet", () => {
  for (let length = 6; length <= 40; length += 1) {
    const value = Buffer.from(Array.from({ length }, (_, index) => 0xfb ^ (index * 37)));
    const redactor = createRedactor();
    redactor.remember([value]);
    for (const alphabet of ["base64", "base64url"] as const) {
      const text = value.toString(alphabet).replace(/=+$/, "");
      expect(redactor.redact(`a ${text} b`)).toBe(`a ${MARK} b`);
    }
  }
});
