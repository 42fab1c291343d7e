/** The real sops, for tests only: keys in a directory of its own, nothing of the caller's environment or config. */
import { execFile } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync, readFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Null: there is none. */
export function findSops(): string | null {
  const named = process.env["SIDECRYPT_SOPS"];
  if (named !== undefined && named !== "") return named;
  const onPath = (process.env["PATH"] ?? "").split(delimiter).map((directory) => join(directory, "sops"));
  return [...onPath, join(homedir(), ".cache/sidecrypt/bin/sops")].find(isExecutable) ?? null;
}

export class Sops {
  readonly #binary: string;
  readonly #directory = mkdtempSync(join(tmpdir(), "sidecrypt-sops-"));
  readonly #environment: Readonly<Record<string, string>>;
  #files = 0;

  /** `environment` is added to what it gets: other sources of keys. */
  constructor(binary: string, keyFile: string, environment: Readonly<Record<string, string>> = {}) {
    this.#binary = binary;
    this.#environment = environment;
    writeFileSync(join(this.#directory, "keys.txt"), keyFile, { mode: 0o600 });
  }

  /** Runs on a file of these bytes; the file afterwards, and what was printed. */
  async on(file: Uint8Array | string, ...args: readonly string[]): Promise<{ file: Buffer; stdout: Buffer }> {
    this.#files += 1;
    const path = join(this.#directory, `${this.#files}.env`);
    writeFileSync(path, file);
    const { stdout } = await run(
      this.#binary,
      args.map((arg) => (arg === "FILE" ? path : arg)),
      {
        cwd: this.#directory,
        encoding: "buffer",
        env: {
          HOME: this.#directory,
          SOPS_DISABLE_VERSION_CHECK: "1",
          SOPS_AGE_KEY_FILE: join(this.#directory, "keys.txt"),
          ...this.#environment,
        },
      },
    );
    return { file: readFileSync(path), stdout };
  }

  async encrypt(
    plain: Uint8Array | string,
    recipients: readonly string[],
    ...flags: readonly string[]
  ): Promise<Buffer> {
    return (await this.on(plain, "encrypt", "--age", recipients.join(","), ...flags, "FILE")).stdout;
  }

  /** SOPS' own values, its line feeds real ones. */
  async values(file: Uint8Array): Promise<Record<string, unknown>> {
    const { stdout } = await this.on(file, "decrypt", "--output-type", "json", "FILE");
    return JSON.parse(stdout.toString()) as Record<string, unknown>;
  }

  async set(file: Uint8Array, name: string, value: unknown): Promise<Buffer> {
    return (await this.on(file, "set", "FILE", `["${name}"]`, JSON.stringify(value))).file;
  }

  /** Where it looks for its rules first. */
  get configFile(): string {
    return join(this.#directory, ".sops.yaml");
  }

  writeConfig(yaml: string): void {
    writeFileSync(this.configFile, yaml);
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
