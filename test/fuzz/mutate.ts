/** Inputs out of other inputs: bytes changed, cut and doubled, words of a dictionary put in, lines moved, two inputs joined. */

export type Random = () => number;

/** mulberry32: from 0 to 1, the same for the same seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const MAX_INPUT = 64 * 1024;
/** What parsers trip over. */
const WORDS = ["", "\0", "\n", "\r\n", "=", "#", "\\n", "\\", '"', "'", "ENC[", "]", ",", ":", "-1", "0", "__proto__"];
const MORE_WORDS = [
  "constructor",
  "é",
  "\ud83d\udd11",
  "\ufeff",
  "1e999",
  "9".repeat(20),
  "a".repeat(300),
  "{",
  "}",
  "*",
];
const ALL_WORDS = [...WORDS, ...MORE_WORDS];

type Mutation = (input: Buffer, random: Random, words: readonly string[], other: Buffer) => Buffer;

const below = (random: Random, end: number): number => Math.floor(random() * end);
const splice = (input: Buffer, at: number, cut: number, put: Uint8Array): Buffer =>
  Buffer.concat([input.subarray(0, at), put, input.subarray(at + cut)]);

function onLines(change: (lines: string[], random: Random) => void): Mutation {
  return (input, random) => {
    const lines = input.toString("latin1").split("\n");
    change(lines, random);
    return Buffer.from(lines.join("\n"), "latin1");
  };
}

const MUTATIONS: readonly Mutation[] = [
  (input, random) => {
    const changed = Buffer.from(input);
    const at = below(random, input.length);
    if (input.length > 0) changed[at] = (changed[at] ?? 0) ^ (1 << below(random, 8));
    return changed;
  },
  (input, random) => {
    const changed = Buffer.from(input);
    if (input.length > 0) changed[below(random, input.length)] = below(random, 256);
    return changed;
  },
  (input, random) => splice(input, below(random, input.length + 1), 1 + below(random, 16), Buffer.alloc(0)),
  (input, random) => input.subarray(0, below(random, input.length + 1)),
  (input, random) => {
    const from = below(random, input.length);
    return splice(input, from, 0, input.subarray(from, from + 1 + below(random, 200)));
  },
  (input, random, words) =>
    splice(input, below(random, input.length + 1), 0, Buffer.from(words[below(random, words.length)] ?? "")),
  (input, random, words) => {
    const cut = 1 + below(random, 12);
    return splice(input, below(random, input.length + 1), cut, Buffer.from(words[below(random, words.length)] ?? ""));
  },
  (input, random, _, other) => {
    const from = below(random, other.length);
    return splice(input, below(random, input.length + 1), 0, other.subarray(from, from + below(random, 500)));
  },
  onLines((lines, random) => lines.splice(below(random, lines.length), 1)),
  onLines((lines, random) => {
    const line = lines[below(random, lines.length)] ?? "";
    lines.splice(below(random, lines.length + 1), 0, line);
  }),
  onLines((lines, random) => {
    const [a, b] = [below(random, lines.length), below(random, lines.length)];
    [lines[a], lines[b]] = [lines[b] ?? "", lines[a] ?? ""];
  }),
  // The value of one line under the name of another.
  onLines((lines, random) => {
    const [a, b] = [below(random, lines.length), below(random, lines.length)];
    const [name] = (lines[a] ?? "").split(/[=:]/, 1);
    lines[a] = (name ?? "") + (lines[b] ?? "").replace(/^[^=:]*/, "");
  }),
];

export function mutate(corpus: readonly Buffer[], words: readonly string[], random: Random): Buffer {
  const pick = (): Buffer => corpus[below(random, corpus.length)] ?? Buffer.alloc(0);
  const all = [...ALL_WORDS, ...words];
  let input = pick();
  for (let times = 1 + below(random, 4); times > 0; times -= 1) {
    const mutation = MUTATIONS[below(random, MUTATIONS.length)];
    if (mutation !== undefined) input = mutation(input, random, all, pick());
  }
  return input.subarray(0, MAX_INPUT);
}
