/** Objects of a repository by name, their content in order: `git cat-file --batch`, one process for all of them. */
import { SidecryptError } from "../errors.ts";
import { startGit, type GitOptions } from "./git-process.ts";

export interface Wanted {
  /** What git is asked for: an object's name, or `:path` of the index. */
  readonly object: string;
  readonly place: string;
}

export interface GitObject extends Wanted {
  /** To be read to its end before the next is asked for. Null: there is no such object. */
  readonly content: AsyncIterable<Uint8Array> | null;
}

const LF = 10;
/** `<sha> blob 123`; longer only where git repeats a name that it does not know. */
const MAX_HEADER = 64 * 1024;

export async function* readObjects(wanted: Iterable<Wanted>, options: GitOptions): AsyncGenerator<GitObject> {
  const git = startGit(["cat-file", "--batch"], options);
  const reader = new Reader(git.output[Symbol.asyncIterator]());
  try {
    for (const one of wanted) {
      git.write(`${one.object}\n`);
      const size = sizeOf(await reader.line());
      if (size === null) {
        yield { ...one, content: null };
        continue;
      }
      yield { ...one, content: reader.take(size) };
      await reader.line();
    }
  } finally {
    git.end();
  }
}

/** Null: `NAME missing`. */
function sizeOf(header: string): number | null {
  const size = / \w+ (\d+)$/.exec(header)?.[1];
  return size === undefined ? null : Number(size);
}

class Reader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #left: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterator<Uint8Array>) {
    this.#chunks = chunks;
  }

  /** Without its line feed. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#left.indexOf(LF);
      if (end >= 0) {
        const line = this.#left.toString("utf8", 0, end);
        this.#left = this.#left.subarray(end + 1);
        return line;
      }
      if (this.#left.length > MAX_HEADER) throw ended();
      this.#left = Buffer.concat([this.#left, await this.#next()]);
    }
  }

  async *take(size: number): AsyncGenerator<Uint8Array> {
    for (let missing = size; missing > 0;) {
      if (this.#left.length === 0) this.#left = await this.#next();
      const piece = this.#left.subarray(0, missing);
      this.#left = this.#left.subarray(piece.length);
      missing -= piece.length;
      yield piece;
    }
  }

  async #next(): Promise<Buffer> {
    const next = await this.#chunks.next();
    if (next.done === true) throw ended();
    return Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
  }
}

function ended(): SidecryptError {
  return new SidecryptError("usage", "git cat-file ended before its answer did", "git fsck tells what is damaged");
}
