/** What looks like a key: `sidecrypt scan` without a bundle beside gitleaks, in a clean tree and in one that is not. */
import { access, cp, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { ROOT } from "../scripts/demo/files.ts";
import { tryRun } from "../scripts/demo/run.ts";
import { timed } from "./processes.ts";
import type { Report } from "./report.ts";
import { milliseconds } from "./statistics.ts";

const PACKAGES = join(ROOT, "node_modules");
/** Named as a clean tree before anything was looked for in it. */
const CLEAN = "typescript";

interface Looked {
  readonly finds: number;
  /** Milliseconds of processors. */
  readonly cpu: number;
}

export async function falseAlarms(program: string, directory: string, report: Report): Promise<void> {
  const gitleaks = await findGitleaks();
  const rows: string[][] = [];
  for (const name of [CLEAN, ""]) {
    const what = join("node_modules", name);
    const tree = await copyOf(name, directory);
    const ours = await byScan(program, tree, directory);
    const theirs = gitleaks === null ? null : await byGitleaks(gitleaks, tree, directory);
    rows.push([what, "sidecrypt scan --no-bundle", ...cells(ours)]);
    rows.push([what, "gitleaks", ...(theirs === null ? ["not measured", ""] : cells(theirs))]);
    if (name === CLEAN) report.target(`no false alarm in ${what}`, String(ours.finds), ours.finds === 0);
  }
  report.table("Finds where there is no bundle", ["WHERE", "WHAT", "FINDS", "CPU"], rows, [
    `Only ${CLEAN} is a clean tree: all packages together hold keys of tests and of documentation, and which of those finds are alarms that help nobody was not told apart, for neither.`,
    gitleaks === null
      ? "gitleaks is not here: scripts/gitleaks.sh builds it."
      : "Of copies with another name: gitleaks leaves out whatever lies below node_modules.",
  ]);
}

const cells = ({ finds, cpu }: Looked): string[] => [String(finds), milliseconds(cpu)];

/** `name`: one package; "": all of them. */
async function copyOf(name: string, directory: string): Promise<string> {
  const from = join(PACKAGES, name);
  const tree = join(directory, name === "" ? "packages" : name);
  const isTaken = (path: string): boolean => !relative(PACKAGES, path).startsWith(".");
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
