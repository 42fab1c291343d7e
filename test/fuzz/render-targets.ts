/** Targets that write: whatever value goes in, the format's own library reads it back, and no value moves another. */
import { execFileSync } from "node:child_process";
import { isDeepStrictEqual, parseEnv } from "node:util";
import { parse as parseIni } from "ini";
import { parse as parseToml } from "smol-toml";
import { parse as parseYaml } from "yaml";
import { SidecryptError } from "../../src/errors.ts";
import { LIST_FILES, parseTemplate, readList, renderTemplate, writeList } from "../../src/render/index.ts";
import { splitArguments } from "../render/sdssplitargs.ts";
import { Broken, text, type Target } from "./target.ts";

const rendered = (template: string | Buffer, output: string, value: Uint8Array): Buffer =>
  Buffer.from(renderTemplate({ name: "t", bytes: Buffer.from(template as string) }, output, new Map([["A", value]])));
const isText = (value: Buffer): boolean => Buffer.from(text(value)).equals(value);

interface Format {
  readonly name: string;
  readonly output: string;
  readonly template: string;
  /** The value of the one key; null: the file has another shape. */
  readonly read: (file: Buffer) => unknown;
}

const keyOf = (parsed: unknown): unknown => {
  const entries = Object.entries(parsed as Record<string, unknown>);
  return entries.length === 1 && entries[0]?.[0] === "key" ? entries[0][1] : null;
};
const bytesIn = (found: unknown): Buffer | null => (typeof found === "string" ? Buffer.from(found) : null);
const ofText = (parse: (file: string) => unknown) => (file: Buffer) => bytesIn(keyOf(parse(text(file))));

/** This library makes the words true, false and null values of their own, in quotes too. */
const iniOf = (file: string) =>
  Object.fromEntries(Object.entries(parseIni(file)).map(([key, value]) => [key, String(value)]));

const FORMATS: readonly Format[] = [
  { name: "json", output: "a.json", template: '{"key": {{ A }}}', read: ofText(JSON.parse) },
  { name: "yaml", output: "a.yaml", template: "key: {{ A }}\n", read: ofText((file) => parseYaml(file)) },
  {
    name: "yaml-1.1",
    output: "a.yaml",
    template: "key: '{{ A }}'\n",
    read: ofText((file) => parseYaml(file, { version: "1.1" })),
  },
  { name: "toml", output: "a.toml", template: "key = {{ A }}\n", read: ofText(parseToml) },
  { name: "ini", output: "a.ini", template: 'key = "{{ A }}"\n', read: ofText(iniOf) },
  { name: "dotenv", output: "a.env", template: "key={{ A }}\n", read: ofText(parseEnv) },
  {
    name: "redis",
    output: "redis.conf",
    template: "key {{ A }}\n",
    read: (file) => {
      const [line = "", rest, ...more] = file.toString("latin1").split("\n");
      const [key, value, ...others] = splitArguments(line) ?? [];
      const isOne = key === "key" && rest === "" && more.length + others.length === 0;
      return isOne && value !== undefined ? Buffer.from(value, "latin1") : null;
    },
  },
  {
    name: "shell",
    output: "a.sh",
    template: "key={{ A }}\n",
    read: (file) => execFileSync("sh", { input: Buffer.concat([file, Buffer.from('printf "%s" "$key"\n')]) }),
  },
];

const VALUES = [
  "hunter2",
  "\"'\\",
  "a # b ; c",
  "${X} $(id) `id` %(x)s",
  "l1\nl2\r\n",
  "{{ A }}",
  " é\u2028\u0085 ",
  "true",
];

const valueTargets = FORMATS.map(({ name, output, template, read }): Target => ({
  name: `render-${name}`,
  covers: [],
  seeds: VALUES,
  words: ['"', "'", "\\", "\n", "\r", "\0", "#", "${", "$(", "`", "'''", '"""', "\ufeff", "\x7f", "\u0085", "{{"],
  run: (input) => {
    // What cannot stand there is refused, by an error of ours.
    const file = rendered(template, output, input);
    const found = read(file);
    if (!(found instanceof Buffer) || !found.equals(input)) throw new Broken(`another value is read back`);
    if (!isText(input) && !["redis", "shell"].includes(name)) throw new Broken("bytes that are no text were written");
  },
}));

// ---------------------------------------------------------------- templates

const MARK = "mark0mark";
const STRANGE = "\"'\\ #${x}\t: {}[],\u2028é";

/** With the strange value wherever the tame one was; every object a plain one. */
function replaced(parsed: unknown): unknown {
  if (typeof parsed === "string") return parsed.replaceAll(MARK, STRANGE);
  if (Array.isArray(parsed)) return parsed.map(replaced);
  // YAML's keys may be maps, which an object would hold as texts.
  if (parsed instanceof Map) return new Map([...parsed].map(([key, value]) => [replaced(key), replaced(value)]));
  if (typeof parsed !== "object" || parsed === null || parsed instanceof Date) return parsed;
  return Object.fromEntries(
    Object.entries(parsed).map(([key, value]) => [key.replaceAll(MARK, STRANGE), replaced(value)]),
  );
}

function parsedOr(parse: (file: string) => unknown, file: Buffer): { readonly value: unknown } | null {
  try {
    return { value: parse(text(file)) };
  } catch {
    return null;
  }
}

const PARSERS: readonly (readonly [output: string, parse: (file: string) => unknown])[] = [
  ["a.json", JSON.parse],
  ["a.yaml", (file) => parseYaml(file, { logLevel: "error", mapAsMap: true }) as unknown],
  ["a.toml", parseToml],
];

/** A file in which a tame value can be read holds a strange one in the same place, and nothing else. */
function sameShape(input: Buffer): void {
  for (const [output, parse] of PARSERS) {
    try {
      const tame = parsedOr(parse, rendered(input, output, Buffer.from(MARK)));
      const strange = rendered(input, output, Buffer.from(STRANGE));
      if (tame === null) continue;
      const found = parsedOr(parse, strange);
      if (found === null) throw new Broken(`${output}: a value breaks the file`);
      if (!isDeepStrictEqual(replaced(found.value), replaced(tame.value)))
        throw new Broken(`${output}: a value changes the file`);
    } catch (thrown) {
      if (!(thrown instanceof SidecryptError)) throw thrown;
    }
  }
}

export const RENDER_TARGETS: readonly Target[] = [
  ...valueTargets,
  {
    name: "template",
    covers: ["render/template.ts#parseTemplate"],
    seeds: [
      '{"key": "a {{ A }} b", "list": [{{ A }}, 1]}',
      "key: {{ A }} # x\nl: ['{{ A }}', \"{{ A }}\"]\nt: |\n  x\n",
      'key = {{ A }}\ns = "{{ A }}"\nl = \'{{ A }}\'\n[t]\nx = """{{ A }}"""\n',
      "{{{{ A }} {{ A }}",
    ],
    words: [
      "{{ A }}",
      "{{A}}",
      "{{{{",
      "}}",
      '"',
      "'",
      '"""',
      "'''",
      "\\",
      "#",
      "//",
      "/*",
      ": ",
      "|\n",
      "- ",
      "&a",
      "!t",
    ],
    run: (input) => {
      const { texts, placeholders } = parseTemplate({ name: "t", bytes: input });
      if (texts.length !== placeholders.length + 1) throw new Broken("texts and placeholders do not alternate");
      for (const output of ["a.ini", "a.env", "redis.conf", "a.sh", "a.txt"]) {
        try {
          rendered(input, output, Buffer.from(STRANGE));
        } catch (thrown) {
          if (!(thrown instanceof SidecryptError)) throw thrown;
        }
      }
      // A filter writes for another format than the file's: then the file is its author's.
      if (placeholders.every(({ filter }) => filter === null)) sameShape(input);
    },
  },
  {
    name: "lists",
    covers: ["render/lists.ts#readList"],
    seeds: ['A\0one\0B\0it\'s "x"', "A=one\nB='two'\nC=\"it's\"\n", '{\n  "A": "one",\n  "__proto__": "x"\n}\n'],
    words: ["\0", "__proto__", "'", '"', "\\", "${", "\n", "\r", "=", "é"],
    run: (input) => {
      for (const file of Object.values(LIST_FILES)) readList(file, input);
      const parts = input
        .toString("latin1")
        .split("\0")
        .map((part) => Buffer.from(part, "latin1"));
      const values = new Map(parts.slice(0, 64).map((part, index) => [`N${index}`, part]));
      for (const format of ["json", "dotenv"] as const) {
        try {
          written(format, values);
        } catch (thrown) {
          if (!(thrown instanceof SidecryptError)) throw thrown;
        }
      }
    },
  },
];

function written(format: "json" | "dotenv", values: ReadonlyMap<string, Buffer>): void {
  const file = Buffer.from(writeList(format, values));
  const wanted = Object.fromEntries([...values].map(([name, value]) => [name, text(value)]));
  const parsed: unknown = format === "json" ? JSON.parse(text(file)) : parseEnv(text(file));
  if (!isDeepStrictEqual({ ...(parsed as object) }, wanted)) throw new Broken(`${format}: another value is read back`);
  const own = readList(LIST_FILES[format], file);
  if (own === null || [...values].some(([name, value]) => !value.equals(own.get(name) ?? Buffer.alloc(0)))) {
    throw new Broken(`${format}: we read back another value`);
  }
}
