/**
 * What a dotenv line means, against Compose itself (DESIGN.md): where ours says nothing, Compose reads the same, and ours
 * says something only of lines with a `$`, a comment, a backslash, a blank at an end or a quote that does not match.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dotenv } from "../../src/bundle/dotenv.ts";
import { meaningOf } from "../../src/bundle/meaning.ts";
import { must } from "./harness/run.ts";

const LINES = 6000;
const seed = Date.now() % 2 ** 31;

const PIECES = [
  ...Array.from("abcXYZ0189=:/+.-_@,;!?%&*()[]{}<>|~^`#"),
  ...['"', "'", "\\", "$", " ", "\t", " #", "$A", "${A}", "\\n", "\\t", "\\\\", '\\"', "\\'", "\\$", "\\0101", "\\x41"],
  ...["é", "日本", "🔑", "export ", "ENC[", "a b", "KEY=1"],
];
const text = fc.array(fc.constantFrom(...PIECES), { maxLength: 9 }).map((pieces) => pieces.join(""));
const line = fc.oneof(
  { weight: 2, arbitrary: text },
  { weight: 2, arbitrary: text.map((inner) => `"${inner}"`) },
  { weight: 2, arbitrary: text.map((inner) => `'${inner}'`) },
  { weight: 1, arbitrary: fc.base64String({ minLength: 4, maxLength: 88 }) },
);

interface Read {
  readonly name: string;
  readonly line: string;
  readonly bytes: Buffer;
  readonly notes: readonly string[];
}

/** As SOPS holds them, and as they are delivered. */
const lines: readonly Read[] = fc.sample(line, { seed, numRuns: LINES }).map((value, index): Read => {
  const name = `K${index}`;
  const [leaf] = dotenv.parse(Buffer.from(`${name}=${value}`)).leaves;
  if (leaf === undefined) throw new Error(`no entry: seed ${seed}, line ${index}`);
  return { name, line: value, ...meaningOf(Buffer.from(leaf.text, "latin1")) };
});
const silent = lines.filter(({ notes }) => notes.length === 0);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sidecrypt-env-file-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** What Compose makes of the lines as one env_file. */
async function composeReads(some: readonly Read[]): Promise<Record<string, string>> {
  await writeFile(join(directory, "lines.env"), some.map(({ name, line }) => `${name}=${line}\n`).join(""));
  const model = { services: { one: { image: "none", env_file: ["./lines.env"] } } };
  await writeFile(join(directory, "compose.yaml"), JSON.stringify(model));
  const rendered = await must("docker", ["compose", "config", "--format", "json"], { cwd: directory });
  const { services } = JSON.parse(rendered) as { services: { one: { environment: Record<string, string> } } };
  // A rendered model can be rendered again.
  return Object.fromEntries(
    Object.entries(services.one.environment).map(([name, value]) => [name, value.replaceAll("$$", "$")]),
  );
}

test(`of ${LINES} random lines, Compose reads those of which nothing is said as they are delivered (seed ${seed})`, async () => {
  expect(silent.length).toBeGreaterThan(LINES / 4);
  const theirs = await composeReads(silent);
  const differing = silent.filter(({ name, bytes }) => theirs[name] !== bytes.toString());
  expect(differing.map(({ line, bytes, name }) => ({ line, ours: bytes.toString(), theirs: theirs[name] }))).toEqual(
    [],
  );
});

test(`nothing is said of a line in which nothing is in play (seed ${seed})`, () => {
  const inPlay = ({ line }: Read): boolean => {
    const quoted = /^(["'])(.*)\1$/s.exec(line);
    const [quote, inner] = [quoted?.[1] ?? "", quoted?.[2] ?? line];
    if (inner.includes("$") || (inner.includes("\\") && quote !== '"')) return true;
    // In double quotes an octal, and a backslash that would escape the quote at the end.
    if (quote === '"') return /\\0|\\$/.test(inner) || inner.replace(/\\./gs, "").includes('"');
    if (quote === "'") return inner.includes("'");
    return /^["']|[ \t]#|^[ \t]|[ \t]$/.test(inner);
  };
  const plain = lines.filter((one) => !inPlay(one));
  expect(plain.length).toBeGreaterThan(LINES / 8);
  expect(plain.filter(({ notes }) => notes.length > 0).map(({ line, notes }) => ({ line, notes }))).toEqual([]);
});
