import { describe, expect, it } from "vitest";
import { inlineReason, parseIgnoreFile } from "../../src/scan/allowance.ts";
import { SidecryptError } from "../../src/errors.ts";

const FILE = ".sidecryptignore";

function faultOf(text: string): SidecryptError {
  try {
    parseIgnoreFile(text, FILE);
  } catch (thrown) {
    if (thrown instanceof SidecryptError) return thrown;
  }
  expect.fail("should have been refused");
}

describe(".sidecryptignore", () => {
  const ignored = parseIgnoreFile(
    "# made-up keys\n# of the tests\ntest/**\n*.pem\n\n# a dump of the demo\n/dump/\n",
    FILE,
  );

  it.each([
    ["test/keys/a.key", "made-up keys of the tests"],
    ["deep/below/a.pem", "made-up keys of the tests"],
    ["dump/", "a dump of the demo"],
    ["src/a.ts", null],
    ["below/dump/", null],
  ])("%s: %s", (path, reason) => {
    expect(ignored(path)).toBe(reason);
  });

  it("refuses a pattern without a comment above it, with its line", () => {
    expect(faultOf("# why\na\n\nb\n")).toMatchObject({
      code: "config-invalid",
      message: `${FILE}, line 4: a pattern without a reason`,
    });
  });

  it("refuses an empty comment as a reason", () => {
    expect(faultOf("#\na\n").message).toContain("line 2");
  });

  it("refuses to take back what a pattern has left out", () => {
    expect(faultOf("# why\n!a\n").message).toContain("! is not supported");
  });
});

describe("an allowance on a line", () => {
  it.each([
    ["KEY=x # sidecrypt:allow made up, of the tests", "made up, of the tests"],
    ["/* sidecrypt:allow an example */", "an example"],
    ["<!-- sidecrypt:allow: an example -->", "an example"],
    ['"note": "sidecrypt:allow an example",', "an example"],
    ["KEY=x # sidecrypt:allow", null],
    ["KEY=x # sidecrypt:allowed nothing", null],
    ["KEY=x", null],
  ])("%s: %s", (line, reason) => {
    expect(inlineReason(line)).toBe(reason);
  });
});
