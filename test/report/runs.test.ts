/** A text that is not searched for a value must have no room for any form of it. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createRedactor, MARK } from "../../src/report/redact.ts";
import { mayHold, runsOf } from "../../src/report/runs.ts";
import { digestsOf, formsOf, MIN_DIGEST } from "../../src/search/forms.ts";

const plain = fc.string({
  unit: fc.constantFrom(...Array.from({ length: 94 }, (_, n) => String.fromCharCode(33 + n))),
});
const values = fc.oneof(
  plain.filter((text) => text.length >= 6),
  fc.string({ unit: "binary", minLength: 6, maxLength: 80 }),
  fc.array(plain, { minLength: 2, maxLength: 5 }).map((lines) => `${lines.join("\n")}\n      `),
);

test("of any value, every form but its digests makes a text suspect", () => {
  fc.assert(
    fc.property(values, (text) => {
      const value = Buffer.from(text);
      for (const { form, bytes } of formsOf(value, { digests: false })) {
        if (!mayHold(runsOf(`a ${bytes.toString()} b`), value))
          return expect.fail(`${form} of ${JSON.stringify(text)}`);
      }
    }),
    { numRuns: 500 },
  );
});

test("any digest is as long as the run that makes a text suspect of one", () => {
  for (const { bytes } of digestsOf(Buffer.from("some value"))) {
    expect(runsOf(`a ${Buffer.from(bytes).toString()} b`).token).toBeGreaterThanOrEqual(
      Math.max(MIN_DIGEST, bytes.length),
    );
  }
});

test.each([1, 20, 300])("a first text with any form of one of %i long values is redacted", (count) => {
  const all = Array.from({ length: count }, (_, index) => Buffer.from(`${index}`.padStart(64, "value-")));
  const forms = [...formsOf(all.at(-1)!)];
  for (const { form, bytes } of forms) {
    const redactor = createRedactor();
    redactor.remember(all);
    // Of a last character that depends on what follows, base64 has bits of the value: it goes with it.
    expect(redactor.redact(`NAME_OF_A_SECRET\n ${bytes.toString()} `), form).toBe(`NAME_OF_A_SECRET\n ${MARK} `);
  }
});

test("names that have room for a digest are printed as they are, and one among them is not", () => {
  const all = Array.from({ length: 200 }, (_, index) => Buffer.from(`${index}`.padStart(64, "value-")));
  const redactor = createRedactor();
  redactor.remember(all);
  const names = "EXCHANGE_TRADING_BOT_API_SECRET\nOTHER_EXCHANGE_API_SECRET_KEY";
  expect(redactor.redact(names)).toBe(names);
  const [md5] = digestsOf(all[199]!).filter(({ bytes }) => bytes.length === MIN_DIGEST);
  expect(redactor.redact(`${names}\n${Buffer.from(md5!.bytes).toString()}`)).toBe(`${names}\n${MARK}`);
});
