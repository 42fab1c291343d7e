import { randomBytes } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { MAX_LINES_SHOWN } from "../../src/scan/groups.ts";
import { MAX_UNPACKED, WHOLE_BYTES } from "../../src/scan/layer.ts";
import { look } from "../../src/scan/look.ts";
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

it("reads a source once, allowances included", async () => {
  let reads = 0;
  const text = FILLER.repeat(100_000) + `${VALUE} # sidecrypt:allow why\n`;
  const read = () => {
    reads += 1;
    return pieces(Buffer.from(text));
  };
  const { findings, allowed } = await look({ place: "stdin", again: false, read }, searcher);
  expect([reads, findings.length, allowed[0]?.reason]).toEqual([1, 0, "why"]);
});

/** Of a stream, the size of a first window and of what each keeps of the one before. */
const [WINDOW, KEPT] = [2 ** 20 + 2 ** 17, 2 ** 16];

it.each([
  ["the line ends", 10, 40],
  ["the kept end begins", KEPT + VALUE.length, 40],
  ["the line has come for long", 10, 60_000],
])("allows a find whose line lies where a window ends: %s", async (_, beforeEnd, between) => {
  const lead = "y".repeat(WINDOW - beforeEnd - 2 * VALUE.length);
  const line = `${VALUE}${" ".repeat(between)}# sidecrypt:allow why`;
  const { findings, allowed } = await look(sourceOf(`${lead}\n${line}\n${FILLER.repeat(100_000)}`), searcher);
  expect([findings, allowed.map(({ lines, count }) => [lines, count])]).toEqual([[], [[[2], 1]]]);
});

it("tells a line that is longer than any window once, and never takes another line's allowance for its own", async () => {
  const text = `# sidecrypt:allow other\n${VALUE} ${"z ".repeat(2 * WHOLE_BYTES)}${VALUE}\n# sidecrypt:allow other\n`;
  const { findings, allowed } = await look(sourceOf(text), searcher);
  expect([findings.map(({ lines, count }) => [lines, count]), allowed]).toEqual([[[[2], 2]], []]);
});

it("tells reasons that are many together", async () => {
  const text = Array.from({ length: 1000 }, (_, index) => `${VALUE} # sidecrypt:allow at ${index}\n`).join("");
  const { findings, allowed } = await look(sourceOf(text), searcher);
  expect(findings).toEqual([]);
  expect(allowed.length).toBeLessThan(200);
  expect(allowed.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
});

it("keeps no find of a stream, however many they are", async () => {
  setFlagsFromString("--expose_gc");
  const collect = runInNewContext("gc") as () => void;
  const told: WeakRef<object>[] = [];
  const hit = () => {
    const one = { name: "API_KEY", form: "raw", offset: 1, line: 1, note: null };
    told.push(new WeakRef(one));
    return one;
  };
  const stream = { push: () => [hit(), hit()], end: () => [] };
  let kept = -1;
  async function* read(): AsyncGenerator<Uint8Array> {
    for (let chunk = 0; chunk < 10; chunk++) yield Buffer.alloc(WHOLE_BYTES);
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    kept = told.filter((one) => one.deref() !== undefined).length;
  }
  const { findings } = await look(sourceOf("", { read }), { ...searcher, search: () => [], stream: () => stream });
  expect(findings).toMatchObject([{ count: told.length }]);
  // The last one may still stand on the stack.
  expect(kept).toBeLessThan(3);
});

describe("a gzip", () => {
  const long = FILLER.repeat(Math.ceil((20 * WHOLE_BYTES) / FILLER.length));
  const lines = long.length / FILLER.length;
  /** Of lines too short to be encoded; packed it is large enough to stream too. */
  const noise = randomBytes(2 * WHOLE_BYTES)
    .toString("base64")
    .replace(/.{8}/g, "$&\n");
  const packed = (bytes: Buffer): Source => sourceOf("", { read: () => pieces(bytes) });

  it("that holds more than is unpacked at once is looked through to its end, with the lines of its content", async () => {
    const { bytes, findings, fault } = await look(packed(gzipSync(`${long}key=${VALUE}\n`)), searcher);
    expect(findings).toMatchObject([{ name: "API_KEY", form: "gzip", lines: [lines + 1], count: 1 }]);
    expect([bytes < WHOLE_BYTES, fault]).toEqual([true, null]);
  });

  it("that is itself read as a stream too", async () => {
    const encoded = Buffer.from(JSON.stringify({ padding: "x".repeat(99), VALUE })).toString("base64");
    const { bytes, findings, fault } = await look(packed(gzipSync(`${noise}\n${VALUE}\n${encoded}\n`)), searcher);
    expect(bytes).toBeGreaterThan(WHOLE_BYTES);
    expect(findings.map(({ form, count }) => [form, count])).toEqual([
      ["gzip", 1],
      ["base64 in gzip", 1],
    ]);
    expect(fault).toBeNull();
  });

  it("in several members, and within another, is one text", async () => {
    const members = Buffer.concat([gzipSync(noise), gzipSync(`${long}${VALUE}\n`)]);
    expect((await look(packed(members), searcher)).findings).toMatchObject([{ form: "gzip", count: 1 }]);
    const { findings, fault } = await look(packed(gzipSync(gzipSync(`${long}${VALUE}\n`))), searcher);
    expect([findings, fault]).toMatchObject([[{ form: "gzip in gzip", lines: [lines + 1], count: 1 }], null]);
  });

  it("may allow a find on its line", async () => {
    const { findings, allowed } = await look(packed(gzipSync(`${long}${VALUE} # sidecrypt:allow why\n`)), searcher);
    expect([findings.length, allowed]).toMatchObject([0, [{ form: "gzip", reason: "why" }]]);
    const small = await look(packed(gzipSync(`${VALUE} # sidecrypt:allow why\n`)), searcher);
    expect([small.findings.length, small.allowed]).toMatchObject([0, [{ form: "gzip", reason: "why" }]]);
  });

  it.each([
    ["cut off", (bytes: Buffer) => bytes.subarray(0, -1000)],
    ["damaged", (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1000), Buffer.alloc(1000, 0xff)])],
    ["nothing but the first bytes of one", () => Buffer.from([0x1f, 0x8b, 0x08])],
  ])("that is %s is told, and searched as far as it goes", async (what, harm) => {
    const { findings, fault } = await look(packed(harm(gzipSync(`${VALUE}\n${noise}`))), searcher);
    expect(fault).toMatch(/damaged or cut off/);
    expect(findings).toHaveLength(what.startsWith("nothing") ? 0 : 1);
  });

  it("that becomes too large is told, and searched as far as that", async () => {
    const bomb = Buffer.concat([gzipSync(`${VALUE}\n`), gzipSync(Buffer.alloc(MAX_UNPACKED))]);
    const { findings, fault } = await look(packed(bomb), searcher);
    expect([findings.length, fault]).toEqual([1, expect.stringMatching(/too large/)]);
  });

  it("within too many others is told", async () => {
    const nested = [1, 2, 3, 4, 5].reduce((bytes) => gzipSync(bytes), Buffer.from("text"));
    expect((await look(packed(nested), searcher)).fault).toMatch(/within 3 others/);
  });
});
