/** Inputs that no mutation makes: far beyond 64 KiB, and bytes that are no text. */
import { randomFrom } from "./mutate.ts";
import type { Target } from "./target.ts";

const LARGE = 256 * 1024;

/**
 * Those that take 256 KiB in a moment. The YAML package takes seconds for some of these, and a key file is bounded before it
 * is parsed (keys.ts); other targets make many texts of each input.
 */
const TAKEN = new Set([
  ...["dotenv", "json", "meaning", "open-dotenv", "open-json", "open-yaml", "enc", "time"],
  ...["search", "log-search", "printed"],
  ...["ssh-key", "ssh-wire", "ssh-recipient", "signature", "signing-key", "public-key", "signers", "pins"],
]);

export const isLarge = ({ name }: Target): boolean => TAKEN.has(name);

export function binaryOf(seed: number, length: number): Buffer {
  const random = randomFrom(seed);
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

/** What the target knows, again and again, and noise: at its start, behind a whole input, and alone. */
export function* largeInputs({ seeds, words }: Target): Generator<Buffer> {
  const noise = binaryOf(1, LARGE);
  for (const seed of seeds) {
    const input = Buffer.from(seed as Uint8Array);
    if (input.length > 0) yield Buffer.alloc(LARGE, input);
    yield Buffer.concat([input, noise]);
  }
  for (const word of words) if (word !== "") yield Buffer.alloc(LARGE, word);
  yield noise;
  yield Buffer.alloc(LARGE, "\n");
  yield Buffer.alloc(LARGE, "a");
}
