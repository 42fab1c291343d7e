import { expect, test } from "vitest";
import { bundleOf, newKeys, openText, said, textOf } from "./support.ts";

const ENOUGH_TIME = 60_000;

test(
  "no single changed byte is accepted with another set of values, or answered with a value or a key",
  { timeout: ENOUGH_TIME },
  async () => {
    const keys = await newKeys();
    const values = { USER: "canary-one", PASS: "canary-two" };
    const file = Buffer.from(await bundleOf(keys, values));
    let accepted = 0;
    for (let at = 0; at < file.length; at += 1) {
      const flipped = Buffer.from(file);
      flipped.writeUInt8(file.readUInt8(at) ^ 0x01, at);
      const result = await openText(flipped, keys).catch((error: unknown) => error as Error);
      if (result instanceof Error) {
        expect(result.name).toBe("SidecryptError");
        expect(said(result)).not.toMatch(/canary|AGE-SECRET|ENC\[AES/);
      } else {
        expect(textOf(result)).toEqual(values);
        accepted += 1;
      }
    }
    // the recipient's label, the version, and a rule that fits these names either way
    expect(accepted).toBeLessThan(110);
  },
);
