import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parseConfig, type Config, type Environment } from "../config.ts";
import { systemCode } from "../errors.ts";
import {
  readIgnoreFile,
  reportJson,
  reportLines,
  SCAN_STATUS,
  scanFiles,
  scanHistory,
  scanInput,
  scanModel,
  scanStaged,
  statusOf,
  type NotChecked,
  type ScanReport,
  type Scope,
} from "../scan/index.ts";
import { createSearcher, type Needle, type Searcher } from "../search/index.ts";
import { parseArguments, usage, type Parsed, type Shape } from "./arguments.ts";
import { readCompose } from "./compose.ts";
import type { Io } from "./io.ts";
import { openAll, openFile } from "./opening.ts";
import type { Ui } from "./ui.ts";

/** Below where the command stands. */
const REPORT = "reports/security/latest.json";

const SHAPE: Shape = {
  command: "scan",
  flags: {
    bundle: { type: "string" },
    "no-bundle": { type: "boolean" },
    git: { type: "boolean" },
    staged: { type: "boolean" },
    compose: { type: "string" },
    json: { type: "boolean" },
    report: { type: "boolean" },
  },
  operands: Infinity,
};

export async function scan(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, SHAPE);
  const config = parseConfig(io.env);
  const needles = await needlesOf(parsed, config, ui);
  const searcher = createSearcher(needles, { shapes: true });
  const report: ScanReport = {
    scopes: [...(await scopesOf(parsed, searcher, config, io)), ...(await composeScope(parsed, searcher, needles, io))],
    unsearched: [
      ...(needles.length === 0
        ? [{ place: "the bundle", why: "--no-bundle: only what looks like a key is found" }]
        : []),
      ...[...searcher.unchecked, ...searcher.weak].map(({ name, why }): NotChecked => ({ place: name, why })),
    ],
  };
  // A file's name may hold a secret: the report passes the same filter as the terminal.
  const json = ui.redactor.redact(reportJson(report, new Date(io.clock.now()), io.version));
  if (parsed.has("report")) await writeReport(resolve(REPORT), json);
  if (parsed.has("json")) ui.out(json);
  else for (const line of reportLines(report)) ui.out(line);
  return SCAN_STATUS[statusOf(report.scopes)];
}

async function needlesOf(parsed: Parsed, config: Config, ui: Ui): Promise<Needle[]> {
  if (parsed.has("no-bundle")) return [];
  const file = parsed.value("bundle");
  const files = file === null ? await openAll(config, ui) : [await openFile(file, config, ui)];
  return files.flatMap(({ opened }) => [...opened.secrets].map(([name, value]) => ({ name, value })));
}

async function scopesOf(parsed: Parsed, searcher: Searcher, { keyFile }: Config, io: Io): Promise<Scope[]> {
  const root = process.cwd();
  const paths = parsed.operands.filter((path) => path !== "-");
  const git = gitIn(root, io.env);
  const hasScope = ["git", "staged", "compose"].some((flag) => parsed.has(flag)) || parsed.operands.length > 0;
  if (!hasScope) throw usage("scan: name what to look through", "scan", "sidecrypt scan . for this directory");
  const scopes: Scope[] = [];
  if (paths.length > 0) {
    const ignored = await readIgnoreFile(root);
    scopes.push(await scanFiles(paths, searcher, { ignored, root, keyFile }));
  }
  if (parsed.operands.includes("-")) scopes.push(await scanInput(io.stdin, searcher));
  if (parsed.has("staged")) scopes.push(await scanStaged(searcher, git));
  if (parsed.has("git")) scopes.push(await scanHistory(searcher, git));
  return scopes;
}

async function composeScope(parsed: Parsed, searcher: Searcher, needles: readonly Needle[], io: Io): Promise<Scope[]> {
  const file = parsed.value("compose");
  if (file === null) return [];
  const model = await readCompose(file, io, "scan");
  return [
    scanModel(
      model,
      file,
      searcher,
      needles.map(({ name }) => name),
    ),
  ];
}

function gitIn(directory: string, env: Environment) {
  return { directory, path: env["PATH"] ?? "", home: env["HOME"] ?? "/" };
}

async function writeReport(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  } catch (thrown) {
    throw usage(`${path} cannot be written: ${systemCode(thrown) ?? "unknown error"}`, "scan");
  }
}
