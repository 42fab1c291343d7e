/** A gzip of any size as it comes → what it holds, as it is unpacked. Memory is bounded. */
import type { Gunzip as Unpacker } from "node:zlib";

/** Bytes that are unpacked at once: they may become a thousand times as many, and are lost where they are damaged. */
const SLICE = 2 ** 13;
const UNPACKED = 2 ** 17;
const DAMAGED = "a gzip that is damaged or cut off: searched as far as it could be unpacked";

export class Gunzip {
  readonly #unpacker: Unpacker;
  readonly #unpacked: Uint8Array[] = [];
  #fault: string | null = null;
  #isOver = false;
  #resume = (): void => undefined;

  constructor() {
    // Loaded only here, as in unwrap.ts.
    const { createGunzip } = process.getBuiltinModule("node:zlib");
    this.#unpacker = createGunzip({ chunkSize: UNPACKED });
    this.#unpacker.on("data", (bytes: Buffer) => this.#unpacked.push(bytes));
    // Before we say so too: something else stands behind the last member.
    this.#unpacker.once("end", () => {
      this.#over(null);
    });
    this.#unpacker.on("error", () => {
      this.#over(DAMAGED);
    });
  }

  /** Why not all of it was unpacked; null: all was. Known at its end. */
  get fault(): string | null {
    return this.#fault;
  }

  /** What the next bytes hold. They may be changed once all of it was taken. */
  async *push(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < bytes.length && !this.#isOver; from += SLICE) {
      const slice = bytes.subarray(from, from + SLICE);
      await this.#until((resume) => this.#unpacker.write(slice, resume));
      yield* this.#unpacked.splice(0);
    }
  }

  async *end(): AsyncGenerator<Uint8Array> {
    if (!this.#isOver) await this.#until(() => this.#unpacker.end());
    yield* this.#unpacked.splice(0);
  }

  /** Nothing more of it is unpacked. */
  stop(why: string): void {
    this.#over(why);
    this.#unpacker.destroy();
  }

  /** Of a member's end and of a fault the unpacker tells, and may never call back for what it was given. */
  #until(work: (resume: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
      work(resolve);
    });
  }

  #over(fault: string | null): void {
    this.#fault ??= fault;
    this.#isOver = true;
    this.#resume();
  }
}
