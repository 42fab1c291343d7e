/** The bundle of a stack and its age key, as an operator and git handle them: whole files, replaced by a rename. */
import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, rename, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createBundle,
  generateIdentity,
  type Identities,
  parseIdentities,
  recipientsOf,
  rewrap,
  setSecret,
} from "../../../src/bundle/index.ts";

export type Secrets = Readonly<Record<string, string>>;

export class BundleFile {
  /** Mounted at /bundle. */
  readonly directory: string;
  readonly path: string;
  readonly keyFile: string;
  #identities: Identities | null = null;

  constructor(directory: string) {
    this.directory = join(directory, "secrets");
    this.path = join(this.directory, "prod.enc.env");
    this.keyFile = join(directory, "age.key");
  }

  async create(secrets: Secrets): Promise<void> {
    await mkdir(this.directory);
    await this.writeKeys([(await generateIdentity()).identity]);
    await this.write(secrets);
  }

  /** In place, as an editor saves it: the mount of a single file follows its inode. */
  async writeKeys(keys: readonly string[]): Promise<void> {
    const text = keys.map((key) => `${key}\n`).join("");
    await writeFile(this.keyFile, text);
    await chmod(this.keyFile, 0o600);
    this.#identities = await parseIdentities(text, this.keyFile);
  }

  async keys(): Promise<string[]> {
    return (await readFile(this.keyFile, "utf8")).split("\n").filter((line) => line !== "");
  }

  /** A new bundle, everything in it encrypted anew. */
  async write(secrets: Secrets): Promise<void> {
    const entries = Object.entries(secrets).map(([name, value]) => [name, Buffer.from(value)] as const);
    await this.replace(await createBundle(recipientsOf(this.#opened()), entries, new Date()));
  }

  /** As `sops set`: one line, the MAC and the time change. */
  async set(secrets: Secrets): Promise<void> {
    let bytes = await this.bytes();
    for (const [name, value] of Object.entries(secrets)) {
      const options = { allowEmpty: new Set<string>() };
      bytes = await setSecret(bytes, this.#opened(), name, Buffer.from(value), new Date(), options);
    }
    await this.replace(bytes);
  }

  /** The same values under a new data key, for the present identities. */
  async reencrypt(): Promise<void> {
    await this.replace(await rewrap(await this.bytes(), this.#opened(), recipientsOf(this.#opened()), new Date()));
  }

  async bytes(): Promise<Uint8Array> {
    return readFile(this.path);
  }

  /** As git does it: a new file, moved over the old one. */
  async replace(bytes: Uint8Array | string): Promise<void> {
    const temporary = `${this.path}.tmp`;
    await writeFile(temporary, bytes);
    await chmod(temporary, 0o644);
    await rename(temporary, this.path);
  }

  /** Another file of the directory, such as a template. */
  async beside(name: string, text: string): Promise<void> {
    const path = join(this.directory, name);
    await writeFile(`${path}.tmp`, text, { mode: 0o644 });
    await rename(`${path}.tmp`, path);
  }

  async touch(): Promise<void> {
    const now = new Date();
    await utimes(this.path, now, now);
  }

  /** What `sidecrypt status` shows of the ciphertext. */
  async digest12(): Promise<string> {
    return createHash("sha256")
      .update(await this.bytes())
      .digest("hex")
      .slice(0, 12);
  }

  #opened(): Identities {
    if (this.#identities === null) throw new Error("the bundle has not been created");
    return this.#identities;
  }
}
