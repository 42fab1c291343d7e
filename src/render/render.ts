/** A template and the values that a consumer asks for → the file. */
import { nearest } from "../near.ts";
import { json } from "./json.ts";
import { dotenv, ini } from "./lines.ts";
import { ofBytes, type Format, type Place } from "./place.ts";
import { redis } from "./redis.ts";
import { shell } from "./shell.ts";
import { parseTemplate, templateFault, type Placeholder, type Template, type TemplateFile } from "./template.ts";
import { toml } from "./toml.ts";
import { yaml } from "./yaml.ts";

/** By name in the drop. */
export type Values = ReadonlyMap<string, Uint8Array>;

const RAW = ofBytes("as it is", (bytes) => bytes);
const raw: Format = (texts) => texts.slice(1).map(() => RAW);

/** By the name that a filter calls it. */
const FORMATS: ReadonlyMap<string, Format> = new Map(
  Object.entries({ json, yaml, toml, ini, dotenv, redis, shell, raw }),
);

const ENDINGS: readonly (readonly [RegExp, string])[] = [
  [/\.(?:json|jsonc)$/i, "json"],
  [/\.ya?ml$/i, "yaml"],
  [/\.toml$/i, "toml"],
  [/\.(?:ini|cfg)$/i, "ini"],
  [/(?:^|[._-])env$/i, "dotenv"],
  [/(?:redis|sentinel|valkey)[^/]*\.conf$/i, "redis"],
  [/\.(?:sh|bash)$/i, "shell"],
  [/\.txt$/i, "raw"],
];

/**
 * Bytes of the file that `template` makes on a drop.
 * @param output its name there, which tells the format; where it does not, the template's own name does
 * @throws SidecryptError `render-failed`, which names template, line and name
 */
export function renderTemplate(file: TemplateFile, output: string, values: Values): Uint8Array {
  const template = parseTemplate(file);
  const ending = formatOf(output) ?? formatOf(file.name.replace(/\.(?:tpl|tmpl|template|in)$/i, ""));
  const places = new Map<string, readonly (Place | string)[]>();
  const chunks = template.placeholders.flatMap((placeholder, index) => {
    const value = valueOf(template, placeholder, values);
    const format = formatFor(template, placeholder, ending, output);
    const known = places.get(format) ?? FORMATS.get(format)?.(template.texts) ?? [];
    places.set(format, known);
    return [Buffer.from(template.texts[index] ?? ""), write(template, placeholder, known[index], value)];
  });
  return Buffer.concat([...chunks, Buffer.from(template.texts.at(-1) ?? "")]);
}

function formatOf(name: string): string | null {
  return ENDINGS.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}

function formatFor({ name }: Template, { line, filter }: Placeholder, ending: string | null, output: string): string {
  const format = filter ?? ending;
  const all = [...FORMATS.keys()];
  if (format === null) {
    const hint = `say how values are written: {{ NAME | FORMAT }}, with one of ${all.join(", ")}`;
    throw templateFault(name, line, `the name ${output} does not tell its format`, hint);
  }
  if (FORMATS.has(format)) return format;
  throw templateFault(name, line, `there is no format ${format}`, `the formats are ${all.join(", ")}`);
}

function valueOf(template: Template, placeholder: Placeholder, values: Values): Uint8Array {
  const { name, line } = placeholder;
  const value = values.get(name);
  if (value !== undefined) return value;
  const near = nearest(name, [...values.keys()]);
  const hint =
    near === null ? "a placeholder names a file that sidecrypt.secrets gives the service" : `did you mean ${near}?`;
  throw templateFault(template.name, line, `the service has no ${name}`, hint);
}

function write(template: Template, { name, line }: Placeholder, place: Place | string | undefined, value: Uint8Array) {
  if (place === undefined || typeof place === "string") {
    throw templateFault(template.name, line, `${name} has no place there: ${place ?? "the text cannot be read"}`);
  }
  const written = place.write(value);
  if (written !== null) return written;
  const hint = "change the value, the quotes around it or the format; {{ NAME | raw }} writes it as it is";
  throw templateFault(template.name, line, `${name} cannot be written ${place.where}`, hint);
}
