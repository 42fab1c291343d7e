/** The documentation against the code, both ways: what the code has is written, and what is written the code has. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { meaningOf } from "../src/bundle/meaning.ts";
import { dotenv } from "../src/bundle/dotenv.ts";
import { COMMANDS, HELP, OVERVIEW } from "../src/cli/help.ts";
import { CHECKS } from "../src/compose-model/index.ts";
import { VARIABLES } from "../src/config.ts";
import { EXIT_STATUS } from "../src/errors.ts";
import { parseConsumer } from "../src/plan/labels.ts";
import { EVENTS } from "../src/report/events.ts";
import { JOURNAL_LABELS } from "../src/roll/journal.ts";
import { VERSION } from "../src/version.ts";
import { OUT_OF_REACH } from "./e2e/verify/encodings.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

const README = read("README.md");
const PAGES = ["README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md"];
const ALL = PAGES.map(read).join("\n");
const PACKAGE = JSON.parse(read("package.json")) as { version: string; scripts: Readonly<Record<string, string>> };

/** Set by people for set-up and tests only, in these places. */
const DEVELOPERS: Readonly<Record<string, string>> = {
  SIDECRYPT_BASE: "scripts/setup.sh",
  SIDECRYPT_SOPS: "test/bundle/sops.ts",
};
/** Variables of sops and of Node that stand in the README because they are refused. */
const REFUSED = ["SOPS_AGE_KEY", "SOPS_AGE_KEY_CMD", "SOPS_AGE_SSH_PRIVATE_KEY_CMD"];

// ---------------------------------------------------------------- reading Markdown

const sorted = (words: Iterable<string>): string[] => [...new Set(words)].toSorted();

const matches = (text: string, pattern: RegExp): string[] =>
  sorted([...text.matchAll(pattern)].map(([all, group]) => group ?? all));

/** The text below a heading, up to the next one. */
function section(heading: string): string {
  const [, below] = README.split(`\n${heading}\n`);
  if (below === undefined) throw new Error(`README.md has no heading ${heading}`);
  return below.split(/\n#+ /)[0] ?? "";
}

/** Cells of the rows whose first cell is code or a number; backticks around a whole cell are dropped. */
function rows(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => /^\| +(?:`|\d)/.test(line))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) =>
          cell
            .trim()
            .replaceAll("\\|", "|")
            .replace(/^`([^`]*)`$/, "$1"),
        ),
    );
}

const firsts = (heading: string): string[] => rows(section(heading)).map(([first = ""]) => first);

const FENCE = /^( *)```(\w*)\n([\s\S]*?)^\1```$/gm;

function fences(text: string): { language: string; code: string }[] {
  return [...text.matchAll(FENCE)].map(([, , language = "", code = ""]) => ({ language, code }));
}

function codeOf(text: string): string {
  const spans = [...text.replace(FENCE, "").matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  return [...fences(text).map(({ code }) => code), ...spans].join("\n");
}

/** As GitHub makes them. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");

// ---------------------------------------------------------------- reading the code

/** The keys of the schema: the labels that a consumer may have. */
function consumerLabels(): string[] {
  const schema = /const SCHEMA = z\.strictObject\(\{\n([\s\S]*?)\n\}\);/.exec(read("src/plan/labels.ts"))?.[1] ?? "";
  return matches(schema, /^ {2}"?([a-z-]+)"?:/gm).map((name) => `sidecrypt.${name}`);
}

const isUnknown = (label: string): boolean => {
  const parsed = parseConsumer("one", { "sidecrypt.secrets": "A", [label]: "" });
  return parsed !== null && "fault" in parsed && parsed.fault.message.includes("unknown label");
};

// ---------------------------------------------------------------- both ways

describe("labels", () => {
  it("of a consumer stand in the README's table", () => {
    expect(consumerLabels().length).toBeGreaterThan(10);
    expect(matches(section("## Labels"), /`(sidecrypt\.[a-z-]+)`/g)).toEqual(
      sorted([...consumerLabels(), ...JOURNAL_LABELS]),
    );
  });

  it("that the documentation names exist", () => {
    const journal: readonly string[] = JOURNAL_LABELS;
    const named = matches(ALL, /\bsidecrypt\.(?!mjs\b)[a-z-]+/g).filter((label) => !journal.includes(label));
    expect(named.filter(isUnknown)).toEqual([]);
  });

  it("have the values that the README gives them", () => {
    const code = (label: string, value: string): string | null => {
      const parsed = parseConsumer("one", { "sidecrypt.secrets": "A", [label]: value });
      return parsed !== null && "fault" in parsed ? parsed.fault.code : null;
    };
    const accepted = {
      "sidecrypt.secrets": ["A", "A_* !A_B, C?"],
      "sidecrypt.on-change": ["recreate", "restart", "signal:HUP", "exec:reload", "none"],
      "sidecrypt.health-timeout": ["30s"],
      "sidecrypt.settle": ["500ms", "1m30s"],
      "sidecrypt.format": ["files", "dotenv", "json", "json, files"],
      "sidecrypt.template": ["config.tpl>config.json", "a.tpl>a.toml, b.tpl > b.yaml"],
      "sidecrypt.order": ["stop-first", "start-first"],
      "sidecrypt.on-failure": ["rollback", "keep", "stop"],
      "sidecrypt.env": ["allowed"],
    };
    const codes = (table: Readonly<Record<string, readonly string[]>>) =>
      Object.entries(table).flatMap(([label, values]) => values.map((value) => code(label, value)));
    expect(new Set(codes(accepted))).toEqual(new Set([null]));
  });
});

describe("variables", () => {
  it("stand in the README's table, each with the default that the help gives", () => {
    expect(sorted(firsts("## Settings"))).toEqual(sorted(VARIABLES));
    for (const [name = "", , fallback = ""] of rows(section("## Settings"))) {
      const help = HELP.run.slice(HELP.run.indexOf(`  ${name} `)).split(/\n {2}(?=\S)|\n\n/)[0] ?? "";
      expect(help.includes(`[${fallback}]`), name).toBe(fallback !== "none");
    }
  });

  it("that the documentation names exist", () => {
    const known = [...VARIABLES, ...REFUSED, ...Object.keys(DEVELOPERS)];
    const named = matches(ALL, /\b(?:SIDECRYPT|SOPS)_[A-Z][A-Z_]*\b/g);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  test.each(Object.entries(DEVELOPERS))("%s is read by %s", (name, file) => {
    expect(read(file)).toContain(name);
  });

  test.each(REFUSED)("%s is refused", (name) => {
    expect(read("src/config.ts")).toContain(`env["${name}"]`);
  });
});

describe("errors and exit statuses", () => {
  it("the README's table has every code with its exit status", () => {
    const written = rows(section("### Error codes")).map(([code = "", status]) => [code, Number(status)] as const);
    expect(Object.fromEntries(written)).toEqual(EXIT_STATUS);
    expect(written).toHaveLength(Object.keys(EXIT_STATUS).length);
  });

  it("the README's table has every exit status, and so has the help", () => {
    // Of health and of an interrupted prompt; an error has neither.
    const statuses = sorted([...Object.values(EXIT_STATUS), 0, 1, 130].map(String));
    expect(sorted(firsts("### Exit status"))).toEqual(statuses);
    const help = OVERVIEW.slice(OVERVIEW.indexOf("Exit status:"), OVERVIEW.indexOf("Example:"));
    expect(matches(help, /\d+/g)).toEqual(statuses);
  });

  it("codes in brackets, as status prints them, exist", () => {
    const shown = matches(ALL, /\[([a-z]+(?:-[a-z]+)+)\]$/gm);
    expect(shown).toContain("roll-failed");
    expect(shown.filter((code) => !Object.hasOwn(EXIT_STATUS, code))).toEqual([]);
  });
});

describe("log events and states", () => {
  it("the README's table has every event, and no other", () => {
    expect(sorted(firsts("### Log events"))).toEqual(sorted(Object.keys(EVENTS)));
  });

  it("the README's table has every state of a consumer, and no other", () => {
    const type = /type ConsumerState =([\s\S]*?);/.exec(read("src/report/status.ts"))?.[1] ?? "";
    const states = matches(type, /^ {2}\| "([a-z]+)"/gm);
    expect(states).toContain("quarantined");
    expect(sorted(firsts("## Status, log, exit status, errors"))).toEqual(states);
  });
});

test("the README's table has every check of doctor with what it means, and no other", () => {
  const written = rows(section("## Doctor")).map(([check = "", meaning]) => [check, meaning] as const);
  expect(Object.fromEntries(written)).toEqual(CHECKS);
  expect(written).toHaveLength(Object.keys(CHECKS).length);
});

test("the README's table has each encoding that is out of reach of a search, as the mutation suite plants it, and no other", () => {
  const [, below = ""] = section("## Proof that nothing leaks").split("| out of reach");
  // Behind the heading and the line below it.
  const [, , ...table] = (below.split("\n\n")[0] ?? "").split("\n");
  expect(table.map((row) => row.split("|")[1]?.trim())).toEqual(Object.keys(OUT_OF_REACH));
});

describe("commands", () => {
  const table = rows(section("## Commands"));

  it("stand in the README's table as their help writes them", () => {
    const usages = COMMANDS.map((command) => (HELP[command].split("\n")[0] ?? "").replace("usage: ", ""));
    expect(table.map(([usage]) => usage).toSorted()).toEqual(usages.toSorted());
    expect(README).toContain("`sidecrypt COMMAND --help`");
  });

  it("that the documentation names exist", () => {
    const named = matches(codeOf(ALL), /\bsidecrypt ([a-z]+)\b/g);
    expect(named).toContain("status");
    expect(named.filter((name) => !(COMMANDS as readonly string[]).includes(name))).toEqual([]);
  });

  it("of npm exist, and so do the scripts", () => {
    const named = matches(codeOf(ALL), /\bnpm run ([a-z:0-9]+)/g);
    expect(named).toContain("demo");
    expect(named.filter((name) => PACKAGE.scripts[name] === undefined)).toEqual([]);
    const files = matches(codeOf(ALL), /\bscripts\/[\w-]+\.\w+/g);
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});

test("the workflow in the README is the one of this repository, and CI runs the same commands", () => {
  const [, after = ""] = README.split("<!-- .github/workflows/canary.yaml -->\n");
  const [snippet] = fences(after);
  const workflow = read(".github/workflows/canary.yaml");
  expect(snippet).toEqual({ language: "yaml", code: workflow });
  const commands = [...workflow.matchAll(/- run: (.+)$/gm)].map(([, command = ""]) => command);
  expect(commands.at(-1)).toContain("verify --canary");
  expect(commands.filter((command) => !read(".ci/run").includes(command))).toEqual([]);
});

test("the compose snippet is compose/minimal/compose.yaml", () => {
  const [, after = ""] = README.split("<!-- compose/minimal/compose.yaml -->\n");
  const [snippet] = fences(after);
  expect(snippet).toEqual({ language: "yaml", code: read("compose/minimal/compose.yaml") });
});

test.each([
  ["KEY=abc", "abc", 0],
  [String.raw`KEY="a\tb"`, "a\tb", 0],
  ["KEY='a$b'", "a$b", 0],
  ["KEY=abc # comment", "abc # comment", 1],
  ["KEY=a$b", "a$b", 1],
  [String.raw`KEY=a\nb`, "a\nb", 1],
])("a dotenv line means what the README's table says: %s", (line, delivered, warnings) => {
  const row = rows(section("## What a dotenv line means")).find(([first]) => first === line);
  expect(row?.[1]?.includes("a warning")).toBe(warnings > 0);
  const [leaf] = dotenv.parse(Buffer.from(line)).leaves;
  const { bytes, notes } = meaningOf(Buffer.from(leaf?.text ?? ""));
  expect([bytes.toString(), notes.length]).toEqual([delivered, warnings]);
});

describe.each(PAGES)("%s", (page) => {
  const text = read(page).replace(FENCE, "");
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  const local = links.filter((target) => !target.startsWith("https:"));

  it("has no link that leads nowhere", () => {
    const broken = local.filter((target) => {
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, file))) return true;
      const headings = matches(read(file), /^#+ (.+)$/gm).map(anchorOf);
      return anchor !== undefined && !headings.includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it("quotes tests by their names", () => {
    const quoted = [...text.matchAll(/\]\(([^)\s]+\.test\.ts)\): "([^"\n]+)"/g)];
    const gone = quoted.filter(([, path = "", title = ""]) => !read(path).includes(`"${title}"`));
    expect(gone.map(([, path, title]) => `${path}: ${title}`)).toEqual([]);
  });
});

test("the newest version in the changelog is this one", () => {
  const [newest] = [...read("CHANGELOG.md").matchAll(/^## \[(\d[^\]]*)\]/gm)].map(([, version]) => version);
  expect([newest, VERSION]).toEqual([PACKAGE.version, PACKAGE.version]);
});
