/** One engine: started, given the images, walked, and taken away whatever happened. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { PrivateEngine } from "../../test/e2e/harness/private-engine.ts";
import { must } from "../../test/e2e/harness/run.ts";
import { line } from "../demo/print.ts";
import type { Run } from "./plan.ts";

const VITEST = "node_modules/vitest/vitest.mjs";

export interface Result {
  readonly run: Run;
  /** As they call themselves. */
  readonly versions: { readonly engine: string; readonly api: string; readonly compose: string };
  readonly passed: number;
  readonly failed: number;
  /** A hook or a file failed before them. */
  readonly notRun: number;
  readonly ok: boolean;
  readonly seconds: number;
}

/** What `scripts/setup.sh versions` printed: `engine-26.1` and `compose-5.4` to directories. */
export type Directories = ReadonlyMap<string, string>;

export class Walk {
  readonly #images: readonly string[];
  readonly #directories: Directories;
  readonly #children = new Set<ChildProcess>();
  /** From the beginning of their start on, each with its removal once that has begun. */
  readonly #engines = new Map<Promise<PrivateEngine>, Promise<void> | null>();
  #stopped = false;

  constructor(images: readonly string[], directories: Directories) {
    this.#images = images;
    this.#directories = directories;
  }

  /** The runs of one engine, one after another. */
  async engine(runs: readonly Run[]): Promise<Result[]> {
    const [first] = runs;
    if (first === undefined || this.#stopped) return [];
    const path = `${this.#directories.get(`engine-${first.engine}`) ?? ""}${delimiter}${process.env["PATH"] ?? ""}`;
    line(`${first.engine} | starting this engine, and loading ${this.#images.length} images`);
    const starting = PrivateEngine.start(this.#images, path);
    this.#engines.set(starting, null);
    try {
      const results: Result[] = [];
      for (const run of runs) results.push(await this.#run(run, await starting, path));
      return results;
    } finally {
      await this.#remove(starting);
    }
  }

  /** For a signal: the tests are told to end, and the engines go. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    this.#stopped = true;
    await Promise.all(
      [...this.#children].map(async (child) => {
        child.kill(signal);
        await ended(child);
      }),
    );
    await Promise.all([...this.#engines.keys()].map((engine) => this.#remove(engine)));
  }

  /** Once: whoever comes second waits for the end of it too. */
  #remove(starting: Promise<PrivateEngine>): Promise<void> {
    const removal = this.#engines.get(starting) ?? takeAway(starting);
    this.#engines.set(starting, removal);
    return removal;
  }

  async #run(run: Run, engine: PrivateEngine, path: string): Promise<Result> {
    const env = {
      ...engine.env,
      PATH: path,
      DOCKER_CONFIG: this.#directories.get(`compose-${run.compose}`) ?? "",
      E2E_PREPARED: "1",
    };
    const asked = { env };
    const [version = "", api = ""] = (
      await must("docker", ["version", "--format", "{{.Server.Version}} {{.Server.APIVersion}}"], asked)
    ).split(/\s+/);
    const compose = (await must("docker", ["compose", "version", "--short"], asked)).trim();
    const versions = { engine: version, api, compose };
    const name = `${run.engine} with Compose ${run.compose}`;
    const started = Date.now();
    const counts = this.#stopped ? NOTHING : await this.#vitest(run, env, name);
    return { run, versions, ...counts, seconds: Math.round((Date.now() - started) / 1000) };
  }

  async #vitest(run: Run, env: Readonly<Record<string, string>>, name: string): Promise<Counts> {
    const directory = await mkdtemp(join(tmpdir(), "sc-engines-"));
    const report = join(directory, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const child = spawn(process.execPath, [VITEST, "run", "--project", "e2e*", ...reporters, ...run.files], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.add(child);
    for (const stream of [child.stdout, child.stderr]) print(name, stream);
    const code = await ended(child);
    this.#children.delete(child);
    const counts = countsOf(await readFile(report, "utf8").catch(() => "{}"), code);
    await rm(directory, { recursive: true, force: true });
    return counts;
  }
}

async function takeAway(starting: Promise<PrivateEngine>): Promise<void> {
  // One that could not start has removed itself.
  const engine = await starting.catch(() => null);
  await engine?.remove();
}

type Counts = Pick<Result, "passed" | "failed" | "notRun" | "ok">;
const NOTHING: Counts = { passed: 0, failed: 0, notRun: 0, ok: false };

function countsOf(report: string, code: number): Counts {
  const found = JSON.parse(report) as Partial<Record<string, unknown>>;
  const count = (field: string): number => Number(found[field] ?? 0);
  const [total, passed, failed] = [count("numTotalTests"), count("numPassedTests"), count("numFailedTests")];
  const notRun = total - passed - failed;
  // Its exit status knows of errors outside of tests too.
  return { passed, failed, notRun, ok: code === 0 && failed === 0 && notRun === 0 && passed > 0 };
}

function print(name: string, stream: Readable): void {
  createInterface({ input: stream }).on("line", (text) => {
    line(`${name} | ${text}`);
  });
}

function ended(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  if (child.signalCode !== null) return Promise.resolve(-1);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      resolve(code ?? -1);
    });
  });
}
