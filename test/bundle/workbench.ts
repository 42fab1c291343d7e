/** What a mirror works with: the owner's sops with an editor, and friends who may hold a key. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Sops } from "./sops.ts";
import { newKeys, type KeyKind, type Keys } from "./support.ts";

/** Who holds a key besides the owner, and the sops that has only that key. */
export interface Friend {
  readonly keys: Keys;
  readonly sops: Sops;
}

export class Workbench {
  readonly #directory = mkdtempSync(join(tmpdir(), "sidecrypt-mirror-"));
  readonly keys: Keys;
  readonly sops: Sops;
  readonly friends: readonly Friend[];

  private constructor(binary: string, keys: Keys, friends: readonly Keys[]) {
    this.keys = keys;
    const editor = join(this.#directory, "editor.sh");
    writeFileSync(editor, `#!/bin/sh\nexec /bin/cp ${this.#directory}/next "$1"\n`, { mode: 0o700 });
    this.sops = new Sops(binary, `${keys.identity}\n`, { EDITOR: editor });
    this.friends = friends.map((friend) => ({ keys: friend, sops: new Sops(binary, `${friend.identity}\n`) }));
  }

  static async open(binary: string, kind: KeyKind = "x25519"): Promise<Workbench> {
    return new Workbench(binary, await newKeys(kind), [await newKeys(kind), await newKeys(kind)]);
  }

  /** What the next `sops edit` leaves in the file. */
  saveNext(plain: Uint8Array): void {
    writeFileSync(join(this.#directory, "next"), plain);
  }

  close(): void {
    for (const sops of [this.sops, ...this.friends.map((friend) => friend.sops)]) sops.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
