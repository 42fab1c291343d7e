/** A secret's value, from a pipe or from a prompt that does not show it; never from an argument. */
import { SidecryptError } from "../errors.ts";
import type { Input } from "./io.ts";
import type { Ui } from "./ui.ts";

/** A key, a certificate chain, a small JSON file; what is larger is not meant. */
const MAX_VALUE_BYTES = 1024 * 1024;

const ENTER = new Set([0x0a, 0x0d]);
const INTERRUPT = 0x03;
const END_OF_INPUT = 0x04;
const ERASE = new Set([0x08, 0x7f]);
const ERASE_LINE = 0x15;
const SPACE = 0x20;

/** Everything on stdin; of a newline at its end one is dropped unless it is wanted. */
export async function readPiped(stdin: Input, keepNewline: boolean): Promise<Uint8Array> {
  const value = await readWhole(stdin, MAX_VALUE_BYTES, tooLarge);
  return keepNewline ? value : value.subarray(0, withoutNewline(value));
}

/** @param refusal - what is thrown of more bytes than `limit`; the rest is not read. */
export async function readWhole(stdin: Input, limit: number, refusal: () => SidecryptError): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    const bytes = toBytes(chunk);
    length += bytes.length;
    if (length > limit) throw refusal();
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function withoutNewline(value: Uint8Array): number {
  if (value.at(-1) !== 0x0a) return value.length;
  return value.at(-2) === 0x0d ? value.length - 2 : value.length - 1;
}

/** One line from the terminal, not echoed; null when it was interrupted. */
export async function readPrompted(stdin: Input, ui: Ui, name: string): Promise<Uint8Array | null> {
  ui.ask(`value of ${name} (not shown): `);
  stdin.setRawMode?.(true);
  const chunks = stdin[Symbol.asyncIterator]();
  try {
    const value = await readLine(chunks);
    ui.endLine();
    // Typed blind and asked once: the length is what shows a paste that was cut off.
    if (value !== null) ui.say(`read ${value.length} bytes`);
    return value;
  } catch (thrown) {
    ui.endLine();
    throw thrown;
  } finally {
    // Before the stream is let go, which would leave the terminal as it is.
    stdin.setRawMode?.(false);
    await chunks.return?.();
  }
}

async function readLine(chunks: AsyncIterator<Uint8Array | string>): Promise<Uint8Array | null> {
  const typed: number[] = [];
  for (;;) {
    const next = await chunks.next();
    if (next.done === true) return Uint8Array.from(typed);
    const bytes = toBytes(next.value);
    for (const [index, byte] of bytes.entries()) {
      if (byte === INTERRUPT) return null;
      if (byte === END_OF_INPUT) return Uint8Array.from(typed);
      if (ENTER.has(byte)) {
        if (bytes.subarray(index).some((rest) => !ENTER.has(rest))) throw severalLines();
        return Uint8Array.from(typed);
      }
      edit(typed, byte);
      if (typed.length > MAX_VALUE_BYTES) throw tooLarge();
    }
  }
}

function edit(typed: number[], byte: number): void {
  if (ERASE.has(byte)) eraseCharacter(typed);
  else if (byte === ERASE_LINE) typed.length = 0;
  // An arrow key would put an escape sequence into the secret, unseen.
  else if (byte < SPACE) throw refused("a key that is no character was pressed: type the value again, or pipe it in");
  else typed.push(byte);
}

/** The whole UTF-8 character: back over its continuation bytes to the first. */
function eraseCharacter(typed: number[]): void {
  for (let byte = typed.pop(); byte !== undefined && (byte & 0xc0) === 0x80; byte = typed.pop());
}

function toBytes(chunk: Uint8Array | string): Uint8Array {
  return typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

function severalLines(): SidecryptError {
  return refused("what was pasted has several lines, and a prompt ends at the first", "sidecrypt set NAME < FILE");
}

function refused(message: string, hint?: string): SidecryptError {
  return new SidecryptError("usage", message, hint);
}

function tooLarge(): SidecryptError {
  return refused(`the value is larger than ${MAX_VALUE_BYTES} bytes`);
}
