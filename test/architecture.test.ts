/** DESIGN.md's rules for the source tree: what a reviewer would have to see, a test sees. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { VERSION } from "../src/version.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SRC = join(ROOT, "src");

interface Source {
  /** Below src/. */
  readonly path: string;
  /** "" for files directly in src/. */
  readonly folder: string;
  readonly text: string;
  /** Without comments. */
  readonly code: string;
  readonly imports: readonly { readonly from: string; readonly isType: boolean }[];
}

const sources: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .toSorted()
  .map((path) => {
    const text = readFileSync(join(SRC, path), "utf8");
    const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
    const folder = dirname(path) === "." ? "" : (path.split("/")[0] ?? "");
    return { path, folder, text, code, imports: importsOf(code) };
  });

function importsOf(code: string): Source["imports"] {
  const statements = code.matchAll(/^(?:import|export)\s+(type\s)?[^"';]*?from\s+"([^"]+)"|^import\s+"([^"]+)"/gm);
  const dynamic = code.matchAll(/\b(?:import|getBuiltinModule)\(\s*"([^"]+)"\s*\)/g);
  return [
    ...[...statements].map((match) => ({ from: match[2] ?? match[3] ?? "", isType: match[1] !== undefined })),
    ...[...dynamic].map((match) => ({ from: match[1] ?? "", isType: false })),
  ];
}

/** Of a relative import, below src/; a package's or module's name as it is. */
function targetOf(source: Source, from: string): string {
  return from.startsWith(".") ? relative(SRC, join(SRC, dirname(source.path), from)) : from;
}

const packageOf = (from: string): string => (from.startsWith("@") ? from.split("/", 2).join("/") : from.split("/")[0]!);

/** Every file whose code, comments left out, has it. */
const having = (pattern: RegExp): string[] => sources.filter((one) => pattern.test(one.code)).map((one) => one.path);

test("the tree is there", () => {
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.flatMap((one) => one.imports).length).toBeGreaterThan(200);
});

/** Folder to what it may import from outside src/, each with its reason. */
const WHY: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "": {
    "node:child_process": "process.ts: Docker's own command line, for doctor and verify --canary",
    "node:crypto": "keys.ts: whether its files changed",
    "node:fs/promises": "keys.ts reads the identity files",
    "node:os": "main.ts: the host's name",
    "node:path": "keys.ts, config.ts: paths",
    "node:process": "keys.ts: who it runs as, for its hints",
    zod: "config.ts: the environment is an edge",
  },
  bundle: {
    "@noble/curves/ed25519.js": "an SSH key's point on the curve that age exchanges keys on",
    "@scure/base": "the bech32 of an age key",
    "age-encryption": "the data key",
    "node:crypto": "AES-GCM, SHA-512, HKDF, scrypt, RSA",
    yaml: "tokens with positions, so that what is not changed stays byte for byte",
  },
  cli: {
    "node:child_process": "edit runs the editor, diff asks git for a revision, sign may ask ssh-keygen",
    "node:crypto": "names of temporary files, the digest of a revision",
    "node:fs": "what has to be removed at the end of the process, which waits for nothing",
    "node:fs/promises": "commands read and write bundles and keys",
    "node:os": "the numbers of signals; verify: the host's name, which tells the container",
    "node:path": "the same",
    "node:tty": "a question at the terminal, stdin left to the editor",
    "node:util": "parseArgs",
    zod: "doctor: what docker's command line prints",
  },
  "compose-model": { zod: "a rendered Compose model is an edge" },
  control: {
    "node:fs/promises": "the socket's file",
    "node:http": "the protocol of the control socket",
    "node:net": "whether another daemon answers there",
    "node:process": "who owns the socket",
    zod: "requests and answers are an edge",
  },
  daemon: {
    "node:crypto": "the digest of a template",
    "node:fs/promises": "/state, and /proc/self/mountinfo",
    "node:path": "the same",
    zod: "/state may be damaged",
  },
  deliver: {
    "node:fs": "the names of open's flags",
    "node:fs/promises": "the drops",
    "node:path": "the same",
    "node:process": "whose files are right",
    zod: "..seen may be damaged",
  },
  docker: {
    dockerode: "the engine",
    "node:fs/promises": "whether the socket is a directory, for the hint",
    "node:http": "the type of an answer that holds an archive",
    "node:stream": "its events",
    zod: "its answers",
  },
  plan: {
    "node:crypto": "HMAC of generations: a function of its arguments",
    zod: "labels are an edge",
  },
  render: { yaml: "what is quoted in a YAML template" },
  report: { pino: "the log" },
  roll: {
    "node:crypto": "an id for each operation",
    "node:path": "mounts.ts: a path without needless slashes",
    zod: "a probe in JSON",
  },
  rules: {
    yaml: ".sops.yaml, with the anchors and merge keys that people write",
    zod: "it is an edge",
  },
  scan: {
    ignore: "the patterns of a .gitignore, which people know",
    "node:child_process": "git",
    "node:fs": "what is looked through, without a wait for each of many small files",
    "node:fs/promises": "what is looked through",
    "node:path": "the same",
  },
  search: {
    "node:crypto": "digests of values: functions of their arguments",
    "node:zlib": "what is compressed: a function of its arguments",
  },
  source: {
    chokidar: "file events",
    "node:crypto": "the digest of a bundle",
    "node:fs": "the names of open's flags",
    "node:fs/promises": "bundles",
    "node:path": "the same",
  },
  trust: { "node:crypto": "signatures of SSH keys" },
  verify: {
    "node:crypto": "canaries of the self-test; which alert of code scanning is which",
    "node:fs/promises": "/proc: the sidecar's own confinement",
    "node:path": "paths of the host, compared under one name",
    "node:stream": "a layer of an image, decompressed as it comes",
    "node:zlib": "a canary in a compressed file, and layers of images that are compressed",
  },
};

describe("imports", () => {
  test("every package and module that a folder uses is listed, with its reason", () => {
    const used = sources.flatMap((one) =>
      one.imports.filter(({ from }) => !from.startsWith(".")).map(({ from }) => `${one.folder || "src"}: ${from}`),
    );
    const listed = Object.entries(WHY).flatMap(([folder, modules]) =>
      Object.keys(modules).map((name) => `${folder || "src"}: ${name}`),
    );
    expect([...new Set(used)].toSorted()).toEqual(listed.toSorted());
  });

  test.each(["bundle", "plan", "render", "rules", "search", "compose-model", "doctor", "canary"])(
    "%s/ is pure: no engine, no files, no processes, no clock, nothing above it",
    (folder) => {
      const banned =
        /^(node:(?!(?:crypto|zlib)$).*|clock\.ts|main\.ts|config\.ts|(docker|roll|deliver|daemon|source|cli|control|report)\/.*)$/;
      const own = sources.filter((one) => one.folder === folder);
      const found = own.flatMap((one) =>
        one.imports
          .map(({ from }) => targetOf(one, from))
          .filter((target) => banned.test(target))
          .map((target) => `${one.path}: ${target}`),
      );
      expect(own.length).toBeGreaterThan(2);
      expect(found).toEqual([]);
    },
  );

  test.each([
    ["dockerode", "docker"],
    ["age-encryption", "bundle"],
    ["chokidar", "source"],
    ["pino", "report"],
  ])("%s stays in %s/", (name, folder) => {
    const users = sources.filter((one) => one.imports.some(({ from }) => packageOf(from) === name));
    expect([...new Set(users.map((one) => one.folder))]).toEqual([folder]);
  });

  test("every runtime dependency is imported, and nothing else is", () => {
    const { dependencies } = manifest();
    const packages = sources
      .flatMap((one) => one.imports.map(({ from }) => from))
      .filter((from) => !/^(\.|node:)/.test(from));
    expect([...new Set(packages.map(packageOf))].toSorted()).toEqual(Object.keys(dependencies).toSorted());
  });

  test("only main.ts builds the adapters", () => {
    const adapters = /\bconnectEngine\b|\bsystemClock\b/;
    const builders = having(adapters).filter((path) => path !== "docker/engine.ts" && path !== "clock.ts");
    expect(builders).toEqual(["main.ts"]);
  });

  test("no file imports itself on a detour", () => {
    const graph = new Map(
      sources.map((one) => {
        const values = one.imports.filter(({ from, isType }) => from.startsWith(".") && !isType);
        return [one.path, values.map(({ from }) => targetOf(one, from))] as const;
      }),
    );
    expect(cyclesIn(graph)).toEqual([]);
  });
});

function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, above: readonly string[]): void => {
    const at = above.indexOf(path);
    if (at >= 0) cycles.push([...above.slice(at), path].join(" → "));
    if (at >= 0 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...above, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return cycles;
}

describe("what is passed in, not taken", () => {
  test("standard streams: main.ts hands them out", () => {
    expect(having(/\bprocess\s*\.\s*(stdout|stderr)\b|\bconsole\s*\./)).toEqual(["main.ts"]);
  });

  test("time: clock.ts has the only one", () => {
    const clocks =
      /\bDate\.now\b|\bperformance\.now\b|\bnew Date\(\s*\)|\bset(Timeout|Interval|Immediate)\s*\(|\bhrtime\b/;
    expect(having(clocks)).toEqual(["clock.ts"]);
  });

  test("the environment: main.ts hands it out", () => {
    expect(having(/\bprocess\.env\b/)).toEqual(["main.ts"]);
  });
});

describe("size", () => {
  const lengths = sources.map((one) => [one.path, one.text.split("\n").length - 1] as const);

  test("no file over 400 lines", () => {
    expect(lengths.filter(([, lines]) => lines > 400)).toEqual([]);
  });

  test("mostly under 200", () => {
    expect(lengths.filter(([, lines]) => lines > 200).length / lengths.length).toBeLessThan(0.1);
  });
});

test("the version is the package's", () => {
  expect(VERSION).toBe(manifest().version);
});

function manifest(): { readonly version: string; readonly dependencies: Readonly<Record<string, string>> } {
  return JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as ReturnType<typeof manifest>;
}
