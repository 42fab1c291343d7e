import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { look, MAX_LINES_SHOWN, WHOLE_BYTES } from "../../src/scan/look.ts";
import type { Source } from "../../src/scan/types.ts";
import { createSearcher } from "../../src/search/index.ts";

const VALUE = randomBytes(18).toString("base64url");
const searcher = createSearcher([{ name: "API_KEY", value: Buffer.from(VALUE) }], { shapes: true });
const FILLER = "nothing to see on this line\n";

/** In chunks that stand in the same memory, as those of a file do. */
function sourceOf(text: string, options: Partial<Source> = {}): Source {
  return { place: "a.log", again: true, read: () => pieces(Buffer.from(text)), ...options };
}

async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  const memory = Buffer.alloc(70_001);
  for (let at = 0; at < bytes.length; at += memory.length) {
    const length = bytes.copy(memory, 0, at);
    yield await Promise.resolve(memory.subarray(0, length));
  }
}

const SIZES = [
  ["small", 0],
  ["larger than what is searched as a whole", Math.ceil((2 * WHOLE_BYTES) / FILLER.length)],
] as const;

describe.each(SIZES)("a source that is %s", (_, lines) => {
  const before = FILLER.repeat(lines);

  it("is told with the line of each find, and its size", async () => {
    const text = `${before}first\nkey=${VALUE}\n${Buffer.from(VALUE).toString("hex")}\n`;
    const { bytes, findings } = await look(sourceOf(text), searcher);
    expect(bytes).toBe(Buffer.byteLength(text));
    expect(findings.map(({ name, lines, count }) => [name, lines, count])).toEqual([
      ["API_KEY", [lines + 2], 1],
      ["API_KEY", [lines + 3], 1],
    ]);
    expect(JSON.stringify(findings)).not.toContain(VALUE);
  });

  it("may allow a find on its own line, with a reason, and no other", async () => {
    const text = `${before}a=${VALUE} # sidecrypt:allow revoked in May\nb=${VALUE}\nc=${VALUE} # sidecrypt:allow\n`;
    const { findings, allowed } = await look(sourceOf(text), searcher);
    expect(allowed.map(({ lines, reason }) => [lines, reason])).toEqual([[[lines + 1], "revoked in May"]]);
    expect(findings.map(({ lines }) => lines)).toEqual([[lines + 2, lines + 3]]);
  });

  it("is told once for each form, however often it stands there", async () => {
    const { findings } = await look(sourceOf(before + `${VALUE}\n`.repeat(1000)), searcher);
    expect(findings).toMatchObject([{ count: 1000 }]);
    expect(findings[0]?.lines).toHaveLength(MAX_LINES_SHOWN);
  });
});

it("finds a value that lies across the border of what is kept and what streams", async () => {
  const start = WHOLE_BYTES - 10;
  const { findings } = await look(sourceOf(`${"x".repeat(start)}\n${VALUE}\n${"x".repeat(WHOLE_BYTES)}`), searcher);
  expect(findings).toMatchObject([{ name: "API_KEY", lines: [2], count: 1 }]);
});

it("finds a value in a path", async () => {
  const { findings } = await look(sourceOf("", { place: `backup/${VALUE}.txt` }), searcher);
  expect(findings).toMatchObject([{ name: "API_KEY", form: "in its name", lines: [] }]);
});

it("does not ask a source for its lines that can be read once only", async () => {
  let reads = 0;
  const text = FILLER.repeat(100_000) + `${VALUE} # sidecrypt:allow why\n`;
  const read = () => {
    reads += 1;
    return pieces(Buffer.from(text));
  };
  const { findings } = await look({ place: "stdin", again: false, read }, searcher);
  expect([reads, findings.length]).toEqual([1, 1]);
});
