/** What looks like a key: `sidecrypt scan` without a bundle beside gitleaks, in clean trees and in one that is not. */
import { createPrivateKey } from "node:crypto";
import { access, cp, mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { identityToRecipient } from "age-encryption";
import { ROOT } from "../scripts/demo/files.ts";
import { run, tryRun } from "../scripts/demo/run.ts";
import { timed } from "./processes.ts";
import type { Report } from "./report.ts";
import { milliseconds } from "./statistics.ts";

const PACKAGES = join(ROOT, "node_modules");
const SHOWN = 60;

/**
 * A tree is clean by this rule, written down before anything was looked for in it: sources and documentation as they
 * are published, without what is there for tests, since a key that was made for a test is a key. So a find in it is a
 * false alarm, of either program. The first look then showed a key published on purpose in each of two such trees:
 * what node:crypto or age opens as a private key is one, and its find is counted apart, for both programs.
 */
interface Tree {
  readonly what: string;
  readonly clean: boolean;
  /** To the directory named. */
  readonly copy: (to: string) => Promise<void>;
}

interface Find {
  readonly what: string;
  readonly file: string;
  readonly place: string;
}

interface Looked {
  readonly finds: readonly Find[];
  /** Milliseconds of processors. */
  readonly cpu: number;
}

type Look = (tree: string, directory: string) => Promise<Looked>;

export async function falseAlarms(program: string, directory: string, report: Report): Promise<void> {
  const gitleaks = await findGitleaks();
  const looks: (readonly [name: string, look: Look])[] = [["sidecrypt scan --no-bundle", byScan(program)]];
  if (gitleaks !== null) looks.push(["gitleaks", byGitleaks(gitleaks)]);
  const [rows, alarms]: [string[][], string[][]] = [[], []];
  for (const [index, { what, clean, copy }] of (await trees()).entries()) {
    const tree = join(directory, `tree-${index}`);
    await copy(tree);
    const counts: number[] = [];
    for (const [name, look] of looks) {
      const { finds, cpu } = await look(tree, directory);
      const keys = await Promise.all(finds.map(({ file }) => isKey(join(tree, file))));
      const others = finds.filter((_, at) => !keys[at]);
      counts.push(others.length);
      rows.push([
        what,
        clean ? "yes" : "no",
        name,
        String(finds.length - others.length),
        String(others.length),
        milliseconds(cpu),
      ]);
      if (clean) alarms.push(...others.map((find) => [what, name, find.what, find.place]));
    }
    if (clean) report.target(`no false alarm in ${what}`, beside(counts), counts[0] === 0);
  }
  report.table(
    "Finds where there is no bundle",
    ["WHERE", "CLEAN", "WHAT", "IN FILES THAT ARE KEYS", "OTHERS", "CPU"],
    rows,
    [
      "Clean: sources and documentation as they are published, without what is there for tests; what else is found in it is a false alarm. All packages together hold keys of tests and of documentation.",
      gitleaks === null
        ? "gitleaks is not here: scripts/gitleaks.sh builds it."
        : "Of copies with another name: gitleaks leaves out whatever lies below node_modules.",
    ],
  );
  report.table("False alarms", ["WHERE", "OF", "WHAT", "PLACE"], shown(alarms));
}

/** By what would use it: a private key in PEM, or an age identity in a line. */
async function isKey(file: string): Promise<boolean> {
  const text = await readFile(file, "utf8");
  const opens = async (open: () => unknown): Promise<boolean> => {
    try {
      await open();
      return true;
    } catch {
      return false;
    }
  };
  if (await opens(() => createPrivateKey(text))) return true;
  const identity = /^AGE-SECRET-KEY-\S+$/m.exec(text)?.[0];
  return identity !== undefined && opens(() => identityToRecipient(identity));
}

const beside = ([ours = 0, theirs]: readonly number[]): string =>
  theirs === undefined ? String(ours) : `${ours}; gitleaks ${theirs}`;

const shown = (rows: readonly string[][]): readonly string[][] =>
  rows.length > SHOWN ? [...rows.slice(0, SHOWN), [`and ${rows.length - SHOWN} more`, "", "", ""]] : rows;

async function trees(): Promise<Tree[]> {
  const own = (await run("git", ["-C", ROOT, "ls-files", "-z"])).split("\0").filter((path) => path !== "");
  const some: Tree[] = [
    { what: "this repository without test/", clean: true, copy: (to) => copyFiles(own.filter(isNoTest), to) },
    { what: "node_modules/typescript", clean: true, copy: (to) => copyTree(join(PACKAGES, "typescript"), to) },
    { what: "node_modules", clean: false, copy: (to) => copyTree(PACKAGES, to) },
  ];
  const { code, stdout } = await tryRun("go", ["env", "GOROOT", "GOVERSION"]);
  const [root = "", version = ""] = stdout.split("\n");
  if (code !== 0) return some;
  const go = `the sources of ${version}, without tests and testdata`;
  return [{ what: go, clean: true, copy: (to) => copyTree(join(root, "src"), to) }, ...some];
}

/** What Go, npm and this repository name a test's files. */
const isNoTest = (path: string): boolean =>
  !/(?:^|\/)(?:testdata|tests?|__tests__|fixtures)(?:\/|$)|_test\.go$|\.test\.\w+$/.test(path);

async function copyTree(from: string, to: string): Promise<void> {
  const isTaken = (path: string): boolean => {
    const below = relative(from, path);
    return !below.startsWith(".") && (from === PACKAGES || isNoTest(below));
  };
  await cp(from, to, { recursive: true, verbatimSymlinks: true, filter: isTaken });
}

async function copyFiles(paths: readonly string[], to: string): Promise<void> {
  for (const path of paths) {
    await mkdir(join(to, dirname(path)), { recursive: true });
    await cp(join(ROOT, path), join(to, path), { verbatimSymlinks: true });
  }
}

interface Scanned {
  readonly scopes: readonly {
    readonly findings: readonly { readonly name: string; readonly place: string; readonly count: number }[];
  }[];
}

const byScan =
  (program: string): Look =>
  async (tree, directory) => {
    const command = [process.execPath, program, "scan", "--no-bundle", "--json", tree];
    const { cpu } = await timed(command, [0, 1], directory);
    const { scopes } = JSON.parse((await tryRun(command[0]!, command.slice(1))).stdout) as Scanned;
    const finds = scopes
      .flatMap(({ findings }) => findings)
      .flatMap(({ name, place, count }) =>
        Array.from({ length: count }, () => ({
          what: name,
          file: relative(tree, place),
          place: relative(tree, place),
        })),
      );
    return { finds, cpu };
  };

const byGitleaks =
  (gitleaks: string): Look =>
  async (tree, directory) => {
    const output = join(directory, `${basename(tree)}.json`);
    const options = ["--no-git", "--no-banner", "--report-format", "json", "--report-path", output];
    const { cpu } = await timed([gitleaks, "detect", "--source", tree, ...options], [0, 1], directory);
    const found = JSON.parse(await readFile(output, "utf8")) as { RuleID: string; File: string; StartLine: number }[];
    const finds = found.map(({ RuleID, File, StartLine }) => ({
      what: RuleID,
      file: relative(tree, File),
      place: `${relative(tree, File)}:${StartLine}`,
    }));
    return { finds, cpu };
  };

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
