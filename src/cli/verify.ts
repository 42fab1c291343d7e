import { hostname } from "node:os";
import { readFile } from "node:fs/promises";
import { parseConfig, type Config } from "../config.ts";
import { findSelf } from "../daemon/self.ts";
import { MINUTE, parseDuration } from "../duration.ts";
import { faultOf } from "../fault.ts";
import type { Opened } from "../types.ts";
import { ofFault } from "../verify/findings.ts";
import {
  type Finding,
  printReport,
  runVerify,
  toGithub,
  toSarif,
  VERDICT_EXIT,
  type VerifyReport,
} from "../verify/index.ts";
import { parseArguments, usage, type Parsed } from "./arguments.ts";
import type { CanaryRequest } from "./canary.ts";
import type { Io } from "./io.ts";
import { keyFilesOf, keyNeedles } from "./key-needles.ts";
import { openMerged } from "./opening.ts";
import type { Ui } from "./ui.ts";

const FLAGS = {
  json: { type: "boolean" },
  sarif: { type: "boolean" },
  github: { type: "boolean" },
  strict: { type: "boolean" },
  watch: { type: "string" },
  images: { type: "boolean" },
  canary: { type: "boolean" },
  compose: { type: "string" },
  bundle: { type: "string" },
} as const;
const FORMATS = ["json", "sarif", "github"] as const;
/** Longer than any start of a container that is worth watching. */
const LONGEST_WATCH = 10 * MINUTE;

/** The sidecar's own container is where it runs: beside the drops, the bundle and the key. */
export async function verify(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, { command: "verify", flags: FLAGS, operands: 0 });
  const formats = FORMATS.filter((one) => parsed.has(one));
  if (formats.length > 1) throw usage(`verify: --${formats.join(" and --")} are two formats`, "verify");
  const watch = watchOf(parsed.value("watch"));
  if (parsed.has("canary")) return (await import("./canary.ts")).canary(canaryRequest(parsed), io, ui);
  const alone = (["compose", "bundle"] as const).find((one) => parsed.has(one));
  if (alone !== undefined) throw usage(`verify: --${alone} is for --canary`, "verify");
  const config = parseConfig(io.env);
  const { docker, evidence } = await io.openEngine(config);
  const mountinfo = await readFile("/proc/self/mountinfo", "utf8");
  const self = await findSelf(docker, { mountinfo, hostname: hostname(), stateDir: config.stateDir });
  const { opened, findings } = await openPresent(config, ui);
  const needles = [...(opened?.secrets ?? [])].map(([name, value]) => ({ name, value }));
  const report = await runVerify(
    { docker, evidence, clock: io.clock },
    {
      version: io.version,
      project: self.project,
      needles: [...needles, ...(await keyNeedles(config))],
      beside: { self, opened },
      image: null,
      keyFiles: keyFilesOf(config),
      strict: parsed.has("strict"),
      watch,
      images: parsed.has("images"),
      findings,
    },
  );
  ui.out(render(report, formats[0]));
  return VERDICT_EXIT[report.verdict];
}

/** What is asked of the `verify` in the canary's own sidecar. */
function canaryRequest(parsed: Parsed): CanaryRequest {
  const flags = [...FORMATS, "strict", "images"].filter((one) => parsed.has(one)).map((one) => `--${one}`);
  const watch = parsed.value("watch");
  return {
    compose: parsed.value("compose"),
    bundle: parsed.value("bundle"),
    flags: watch === null ? flags : [...flags, "--watch", watch],
  };
}

function watchOf(text: string | null): number {
  if (text === null) return 0;
  const ms = parseDuration(text);
  if (ms !== null && ms > 0 && ms <= LONGEST_WATCH) return ms;
  throw usage("verify: --watch wants a duration up to 10m, such as 30s", "verify");
}

/** A bundle that does not open leaves the values on the drops to be searched for, and is a finding. */
async function openPresent(config: Config, ui: Ui): Promise<{ opened: Opened | null; findings: Finding[] }> {
  try {
    return { opened: await openMerged(config, ui), findings: [] };
  } catch (thrown) {
    return { opened: null, findings: [ofFault("consumer", faultOf(thrown, config.bundleDir))] };
  }
}

function render(report: VerifyReport, format: (typeof FORMATS)[number] | undefined): string {
  if (format === "json") return JSON.stringify(report, null, 2);
  if (format === "sarif") return JSON.stringify(toSarif(report), null, 2);
  return format === "github" ? toGithub(report) : printReport(report);
}
