/**
 * npm run test:engines   the end-to-end tests on each engine that is supported, each a private one, with each Compose
 *
 * The main engine only builds the images.
 */
import { groupBy } from "../src/collections.ts";
import { prepare, setUp } from "../test/e2e/harness/prepare.ts";
import { must } from "../test/e2e/harness/run.ts";
import { failure, line, table } from "./demo/print.ts";
import { USAGE, wishOf, type Run, type Wish } from "./engines/plan.ts";
import { Walk, type Directories, type Result } from "./engines/walk.ts";

/** Most of a test is waiting, which two engines do at once. */
const AT_ONCE = 2;
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

async function main(args: readonly string[]): Promise<void> {
  const wish = wishOf(args, AT_ONCE);
  if (wish === null) {
    line(USAGE);
    process.exitCode = 2;
    return;
  }
  const started = Date.now();
  const images = await prepare();
  const runs = wish.afterTest ? await withoutTested(wish.runs) : wish.runs;
  const directories = await obtain(runs);
  const { there, missing } = divide(runs, directories);
  const results = await walk(there, new Walk(images, directories), wish);
  conclude(results, missing, there.length, Math.round((Date.now() - started) / 1000));
}

async function walk(runs: readonly Run[], walk: Walk, { atOnce }: Wish): Promise<Result[]> {
  for (const [signal, status] of Object.entries(SIGNALS)) {
    process.once(signal, () => {
      void walk.stop(signal as NodeJS.Signals).finally(() => process.exit(status));
    });
  }
  const waiting = [...groupBy(runs, ({ engine }) => engine).values()];
  const results: Result[] = [];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const name = next[0]?.engine ?? "";
      await walk.engine(next).then(
        (found) => results.push(...found),
        (thrown: unknown) => {
          failure(`${name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
        },
      );
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}

/** Without those on the main engine's own version and Compose: what they are is part of `npm test`. */
async function withoutTested(runs: readonly Run[]): Promise<Run[]> {
  const engine = (await must("docker", ["version", "--format", "{{.Server.Version}}"])).trim();
  const compose = (await must("docker", ["compose", "version", "--short"])).trim().replace(/^v/, "");
  return runs.filter((run) => {
    const tested = begins(engine, run.engine) && begins(compose, run.compose);
    if (tested) line(`${run.engine} with Compose ${run.compose} | npm test has passed with ${engine} and ${compose}`);
    return !tested;
  });
}

const begins = (version: string, wanted: string): boolean => version.startsWith(`${wanted}.`);

async function obtain(runs: readonly Run[]): Promise<Directories> {
  const names = new Set(runs.flatMap(({ engine, compose }) => [`engine-${engine}`, `compose-${compose}`]));
  if (names.size === 0) return new Map();
  const lines = (await setUp("versions", ...names)).split("\n").filter((text) => text !== "");
  return new Map(lines.map((text) => [text.slice(0, text.indexOf(" ")), text.slice(text.indexOf(" ") + 1)]));
}

function divide(runs: readonly Run[], directories: Directories): { there: Run[]; missing: Run[] } {
  const isThere = ({ compose }: Run): boolean => directories.has(`compose-${compose}`);
  return { there: runs.filter(isThere), missing: runs.filter((run) => !isThere(run)) };
}

/** The last line is vitest's own. */
function conclude(results: readonly Result[], missing: readonly Run[], wanted: number, seconds: number): void {
  line();
  const header = ["engine", "API", "Compose", "files", "passed", "failed", "not run", "time", ""];
  table(
    header,
    results.map(({ run, versions, passed, failed, notRun, ok, seconds: took }) => [
      ...[versions.engine, versions.api, versions.compose, run.files.length === 0 ? "all" : String(run.files.length)],
      ...[passed, failed, notRun, `${took} s`].map(String),
      ok ? "passed" : "FAILED",
    ]),
  );
  for (const { engine, compose } of missing)
    line(`LEFT OUT: ${engine} with Compose ${compose}, which is not to be had here`);
  const sum = (count: (result: Result) => number): number => results.reduce((total, one) => total + count(one), 0);
  const [passed, failed] = [sum((one) => one.passed), sum((one) => one.failed + one.notRun)];
  const bad =
    results.some(({ ok }) => !ok) || results.length < wanted || (missing.length > 0 && process.env["CI"] === "true");
  if (bad) {
    process.exitCode = 1;
    failure(
      `${results.filter(({ ok }) => !ok).length} of ${wanted} runs failed, ${wanted - results.length} could not begin`,
    );
  }
  line();
  line(`   Duration  ${seconds} s`);
  line(`      Tests  ${failed > 0 ? `${failed} failed | ` : ""}${passed} passed (${passed + failed})`);
}

await main(process.argv.slice(2)).catch((thrown: unknown) => {
  failure(thrown instanceof Error ? thrown.message : String(thrown));
  process.exitCode = 1;
});
