/** A tar of any size, entry by entry: what is not read of one is passed over. Takes bytes, keeps none. */
import { SidecryptError } from "../errors.ts";
import { BLOCK, octal, readRecords } from "./tar.ts";

export interface TarEntry {
  readonly path: string;
  readonly isFile: boolean;
  /** To be read before the next entry is asked for. */
  readonly body: AsyncIterable<Buffer>;
}

/** Records of pax, and names that are longer than the header holds. */
const LONGEST_RECORDS = 2 ** 20;
const MAGIC = "ustar";
const MAGIC_AT = 257;

export const isTar = (head: Buffer): boolean =>
  head.length >= BLOCK && head.toString("latin1", MAGIC_AT, MAGIC_AT + MAGIC.length) === MAGIC;

/** @throws SidecryptError `docker-refused` where it is no tar, or ends within an entry */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const reader = new Reader(chunks);
  let long: string | null = null;
  for (;;) {
    const header = await reader.exactly(BLOCK);
    // Two blocks of zeros end it; behind them is only padding.
    if (header === null || header.every((byte) => byte === 0)) return;
    if (!isTar(header)) throw notUnderstood();
    const [type, size] = [text(header, 156, 1), sizeOf(header)];
    const padding = -size & (BLOCK - 1);
    if (type === "x" || type === "L") {
      if (size > LONGEST_RECORDS) throw notUnderstood();
      const body = await reader.exactly(size);
      if (body === null) throw notUnderstood();
      long = (type === "L" ? body.toString().replace(/\0+$/, "") : readRecords(body).get("path")?.toString()) ?? long;
    } else {
      const part = reader.part(size);
      yield { path: long ?? nameIn(header), isFile: type === "0" || type === "", body: part };
      // Whoever was given it may have left some of it.
      while ((await part[Symbol.asyncIterator]().next()).done !== true);
      long = null;
    }
    await reader.exactly(padding);
  }
}

class Reader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Null: it ends before. */
  async exactly(size: number): Promise<Buffer | null> {
    const pieces: Buffer[] = [];
    for (let left = size; left > 0;) {
      const piece = await this.#some(left);
      if (piece === null) return null;
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** Can be gone on with, after a loop that was left early. */
  part(size: number): AsyncIterable<Buffer> {
    let left = size;
    const next = async (): Promise<IteratorResult<Buffer, undefined>> => {
      if (left === 0) return { done: true, value: undefined };
      const value = await this.#some(left);
      if (value === null) throw notUnderstood();
      left -= value.length;
      return { done: false, value };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  async #some(most: number): Promise<Buffer | null> {
    while (this.#held.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return null;
      this.#held = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    const piece = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(piece.length);
    return piece;
  }
}

function nameIn(header: Buffer): string {
  const [name, prefix] = [text(header, 0, 100), text(header, 345, 155)];
  // GNU's own header has times where ustar has the prefix.
  return prefix === "" || header[263] === 0x20 ? name : `${prefix}/${name}`;
}

/** In octal; beyond what that holds, in binary behind a set bit. */
function sizeOf(header: Buffer): number {
  return ((header[124] ?? 0) & 0x80) === 0 ? octal(header, 124, 12) : header.readUIntBE(130, 6);
}

const text = (from: Buffer, at: number, width: number): string =>
  from.toString("utf8", at, at + width).replace(/\0.*$/s, "");

const notUnderstood = (): SidecryptError =>
  new SidecryptError("docker-refused", "the engine's archive of an image is not understood");
