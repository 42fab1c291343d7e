/** As a mirror, of a binary bundle that holds any bytes. */
import { isUtf8 } from "node:buffer";
import { expect } from "vitest";
import { decryptPlain, editPlain, encryptPlain, rewrap } from "../../src/bundle/index.ts";
import { LATER, NOW, openText, STRICT } from "./support.ts";
import type { Workbench } from "./workbench.ts";

const BINARY = ["--input-type", "binary", "--output-type", "binary"];

export class BytesMirror {
  compared = 0;
  readonly #bench: Workbench;
  #ours: Uint8Array;
  #theirs: Uint8Array;

  private constructor(bench: Workbench, ours: Uint8Array, theirs: Uint8Array) {
    this.#bench = bench;
    this.#ours = ours;
    this.#theirs = theirs;
  }

  static async create(bench: Workbench, bytes: Buffer): Promise<BytesMirror> {
    const recipients = [bench.keys.recipient];
    const ours = await encryptPlain(bytes, "binary", { recipients, rule: null, now: NOW, allowEmpty: new Set() });
    const mirror = new BytesMirror(bench, ours, await bench.sops.encrypt(bytes, recipients, ...BINARY));
    await mirror.#compare(bytes);
    return mirror;
  }

  async edit(bytes: Buffer): Promise<void> {
    this.#ours = await editPlain(this.#ours, this.#bench.keys.identities, bytes, LATER, STRICT);
    this.#bench.saveNext(bytes);
    this.#theirs = (await this.#bench.sops.on(this.#theirs, "edit", ...BINARY, "FILE")).file;
    await this.#compare(bytes);
  }

  async rotate(bytes: Buffer): Promise<void> {
    const { identities, recipient } = this.#bench.keys;
    this.#ours = await rewrap(this.#ours, identities, [recipient], LATER);
    this.#theirs = (await this.#bench.sops.on(this.#theirs, "rotate", "-i", ...BINARY, "FILE")).file;
    await this.#compare(bytes);
  }

  swap(): void {
    [this.#ours, this.#theirs] = [this.#theirs, this.#ours];
  }

  async #compare(bytes: Buffer): Promise<void> {
    const { secrets } = await openText(this.#theirs, this.#bench.keys);
    expect([...secrets].map(([name, value]) => [name, Buffer.from(value)])).toEqual([["data", bytes]]);
    const { stdout } = await this.#bench.sops.on(this.#ours, "decrypt", ...BINARY, "FILE");
    expect(stdout.equals(bytes)).toBe(true);
    // Text that sops has changed looks like the JSON of one secret.
    if (!isUtf8(bytes)) {
      const plain = await decryptPlain(this.#theirs, this.#bench.keys.identities);
      expect(plain).toEqual({ format: "binary", bytes: Uint8Array.from(bytes) });
    }
    this.compared += 1;
  }
}
