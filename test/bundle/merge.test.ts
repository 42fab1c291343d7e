import { describe, expect, test } from "vitest";
import { merge } from "../../src/bundle/index.ts";
import type { Opened } from "../../src/types.ts";
import { asBundle, textOf } from "./support.ts";

const part = (path: string, secrets: Readonly<Record<string, string>>, warning?: string) => ({
  bundle: { ...asBundle(path), path },
  opened: {
    digest: path,
    secrets: new Map(Object.entries(secrets).map(([name, value]) => [name, Buffer.from(value)])),
    warnings: warning === undefined ? [] : [{ subject: path, message: warning }],
    fingerprintKey: Buffer.from("one key for all"),
  } satisfies Opened,
});

describe("several bundles", () => {
  test("are one, with the names of all in their order", () => {
    const merged = merge("d", [part("b.env", { Z: "1", A: "2" }, "old"), part("a.env", { M: "3" }, "older")]);
    expect(Object.entries(textOf(merged))).toEqual(Object.entries({ Z: "1", A: "2", M: "3" }));
    expect(merged).toMatchObject({ digest: "d", fingerprintKey: Buffer.from("one key for all") });
    expect(merged.warnings.map(({ message }) => message)).toEqual(["old", "older"]);
  });

  test("with one name in two of them are refused, and both files are named, also where the values are equal", () => {
    const parts = [part("a.env", { A: "c4nary" }), part("b.env", { B: "x", A: "c4nary" })];
    expect(() => merge("d", parts)).toThrow(
      expect.objectContaining({
        code: "bundle-conflict",
        message: "A stands in two bundles: a.env and b.env",
        hint: `take it out of one of them: sops unset b.env '["A"]'`,
      }),
    );
  });
});
