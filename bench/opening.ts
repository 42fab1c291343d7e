/** Opening and verifying a bundle, in a process that runs and as a process of its own, beside sops on the same file. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../scripts/demo/files.ts";
import { run } from "../scripts/demo/run.ts";
import { createBundle, generateIdentity, open, parseIdentities, type Identities } from "../src/bundle/index.ts";
import { IMAGE_FLAGS } from "./processes.ts";
import type { Report } from "./report.ts";
import { median, milliseconds, ratio } from "./statistics.ts";

export interface OpeningOptions {
  readonly sizes: readonly number[];
  readonly times: number;
  readonly sops: string;
}

/** Medians, milliseconds. */
interface Opening {
  readonly secrets: number;
  readonly inProcess: number;
  /** In a process that runs under the image's flags: the daemon's own path. */
  readonly inImage: number;
  readonly whole: number;
  readonly sops: number;
  readonly bare: number;
}

const FASTER_AT = 100;
const FASTER = 5;

export async function measureOpening({ sizes, times, sops }: OpeningOptions, report: Report): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sidecrypt-bench-"));
  try {
    const program = await build(directory);
    const { identity, recipient } = await generateIdentity();
    const keyFile = join(directory, "age.key");
    await writeFile(keyFile, `${identity}\n`, { mode: 0o600 });
    const identities = await parseIdentities(identity, keyFile);
    const found: Opening[] = [];
    for (const secrets of sizes) {
      const file = join(directory, `${secrets}.enc.env`);
      await writeFile(file, await bundleOf(secrets, recipient));
      found.push(await measure(secrets, { file, keyFile, program, identities, times, sops }));
    }
    tell(found, report);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** What is measured in the image's way is bundled in the image's way too; the build after it is of the program itself. */
async function build(directory: string): Promise<string> {
  const script = join(ROOT, "scripts/build.mjs");
  await run(process.execPath, [script, "bench/opening.program.ts"]);
  await cp(join(ROOT, "dist"), join(directory, "dist"), { recursive: true });
  await run(process.execPath, [script]);
  return join(directory, "dist/sidecrypt.mjs");
}

/** Values as long as an exchange's API secret. */
function bundleOf(secrets: number, recipient: string): Promise<Uint8Array> {
  const entries = Array.from({ length: secrets }, (_, index) => {
    return [`BOT${index}_API_SECRET`, Buffer.from(`${index}`.padStart(64, "f"))] as const;
  });
  return createBundle([recipient], entries, new Date());
}

interface Subject extends Omit<OpeningOptions, "sizes"> {
  readonly file: string;
  readonly keyFile: string;
  readonly program: string;
  readonly identities: Identities;
}

/** In turns, so that whatever else the machine does falls on all of them. */
async function measure(secrets: number, subject: Subject): Promise<Opening> {
  const { file, keyFile, program, identities, times, sops } = subject;
  const taken = { inProcess: [], inImage: [], whole: [], sops: [], bare: [] } as Record<
    keyof Omit<Opening, "secrets">,
    number[]
  >;
  const bytes = await readFile(file);
  const options = { allowEmpty: new Set<string>(), dotenv: "compose" } as const;
  process.env["SOPS_AGE_KEY_FILE"] = keyFile;
  try {
    for (let round = 0; round < times; round += 1) {
      taken.inProcess.push(await timed(() => open({ path: file, bytes, digest: "" }, identities, options)));
      taken.inImage.push(Number(await run(process.execPath, [...IMAGE_FLAGS, program, file, keyFile])));
      taken.whole.push(await timed(() => run(process.execPath, [join(ROOT, "dist/sidecrypt.mjs"), "check", file])));
      taken.sops.push(await timed(() => run(sops, ["decrypt", file])));
      taken.bare.push(await timed(() => run(process.execPath, ["-e", "0"])));
    }
  } finally {
    delete process.env["SOPS_AGE_KEY_FILE"];
  }
  return {
    secrets,
    inProcess: median(taken.inProcess),
    inImage: median(taken.inImage),
    whole: median(taken.whole),
    sops: median(taken.sops),
    bare: median(taken.bare),
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function tell(found: readonly Opening[], report: Report): void {
  report.table(
    "A bundle opened and verified, beside `sops decrypt` of the same file",
    [
      "SECRETS",
      "IN PROCESS",
      "UNDER THE IMAGE'S FLAGS",
      "`sidecrypt check`",
      "`sops decrypt`",
      "A BARE NODE",
      "SOPS / IN PROCESS",
      "SOPS / UNDER THE FLAGS",
      "CHECK / SOPS",
    ],
    found.map(({ secrets, inProcess, inImage, whole, sops, bare }) => [
      String(secrets),
      ...[inProcess, inImage, whole, sops, bare].map(milliseconds),
      ratio(sops / inProcess),
      ratio(sops / inImage),
      ratio(whole / sops),
    ]),
  );
  for (const { secrets, inProcess, inImage, whole, sops, bare } of found) {
    const measured = `${milliseconds(whole)} against ${milliseconds(sops + bare)}`;
    report.target(`check of ${secrets} no slower than sops and a bare node`, measured, whole <= sops + bare);
    const least = secrets === FASTER_AT ? FASTER : 1;
    const what = least === 1 ? "faster than sops" : `at least ${least} times as fast as sops`;
    report.target(`${secrets} opened in process ${what}`, ratio(sops / inProcess), sops >= least * inProcess);
    report.target(`the same under the image's flags`, ratio(sops / inImage), sops >= least * inImage);
  }
}
