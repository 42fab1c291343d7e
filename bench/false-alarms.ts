/** What is no secret and is told as one: `sidecrypt scan` without a bundle beside gitleaks, in trees that have none. */
import { access, cp, mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, relative, sep } from "node:path";
import { ROOT } from "../scripts/demo/files.ts";
import { tryRun } from "../scripts/demo/run.ts";
import { timed } from "./processes.ts";
import type { Report } from "./report.ts";
import { milliseconds } from "./statistics.ts";

const PACKAGES = join(ROOT, "node_modules");
/** They bring keys of their tests along, which are keys: no false alarm. */
const WITH_KEYS = ["cctv-age", "sops-age", "ssh2", "zod"];

interface Looked {
  readonly finds: number;
  /** Milliseconds of processors. */
  readonly cpu: number;
}

export async function falseAlarms(program: string, directory: string, report: Report): Promise<void> {
  const gitleaks = await findGitleaks();
  const rows: string[][] = [];
  for (const [what, left] of [
    ["node_modules/typescript", null],
    [`node_modules without ${WITH_KEYS.join(", ")}`, WITH_KEYS],
  ] as const) {
    const tree = await copyOf(left, directory);
    const ours = await byScan(program, tree, directory);
    const theirs = gitleaks === null ? null : await byGitleaks(gitleaks, tree, directory);
    rows.push([what, "sidecrypt scan --no-bundle", ...cells(ours)]);
    rows.push([what, "gitleaks", ...(theirs === null ? ["not measured", ""] : cells(theirs))]);
    report.target(`no false alarm in ${what}`, String(ours.finds), ours.finds === 0);
  }
  report.table("False alarms", ["WHERE", "WHAT", "FINDS", "CPU"], rows, [
    gitleaks === null
      ? "gitleaks is not here: scripts/gitleaks.sh builds it."
      : "Of copies with another name: gitleaks leaves out whatever lies below node_modules.",
  ]);
}

const cells = ({ finds, cpu }: Looked): string[] => [String(finds), milliseconds(cpu)];

/** `left`: packages that are not copied; null: typescript alone. */
async function copyOf(left: readonly string[] | null, directory: string): Promise<string> {
  const tree = join(directory, left === null ? "typescript" : "packages");
  await mkdir(tree);
  const isTaken = (path: string): boolean => {
    const [name = ""] = relative(PACKAGES, path).split(sep);
    return !name.startsWith(".") && left?.includes(name) !== true;
  };
  const from = left === null ? join(PACKAGES, "typescript") : PACKAGES;
  await cp(from, tree, { recursive: true, verbatimSymlinks: true, filter: isTaken });
  return tree;
}

async function byScan(program: string, tree: string, directory: string): Promise<Looked> {
  const command = [process.execPath, program, "scan", "--no-bundle", "--json", tree];
  const { cpu } = await timed(command, [0, 1], directory);
  const { scopes } = JSON.parse((await tryRun(command[0]!, command.slice(1))).stdout) as {
    scopes: { findings: { count: number }[] }[];
  };
  return { finds: scopes.flatMap(({ findings }) => findings).reduce((sum, { count }) => sum + count, 0), cpu };
}

async function byGitleaks(gitleaks: string, tree: string, directory: string): Promise<Looked> {
  const output = join(directory, "gitleaks.json");
  const options = ["--no-git", "--no-banner", "--report-format", "json", "--report-path", output];
  const { cpu } = await timed([gitleaks, "detect", "--source", tree, ...options], [0, 1], directory);
  return { finds: (JSON.parse(await readFile(output, "utf8")) as unknown[]).length, cpu };
}

/** On the PATH, or what scripts/gitleaks.sh has built; null: neither. */
async function findGitleaks(): Promise<string | null> {
  const { code, stdout } = await tryRun("bash", ["-c", "command -v gitleaks"]);
  if (code === 0) return stdout.trim();
  const built = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "sidecrypt/bin/gitleaks");
  return access(built).then(
    () => built,
    () => null,
  );
}
