/** The files that a container asks for: its secrets, all of them in one, and what templates make of them. */
import { SidecryptError } from "../errors.ts";
import { LIST_FILES, readList, renderTemplate, writeList, type TemplateFile, type Values } from "../render/index.ts";
import type { Opened, Templates } from "../types.ts";
import { asksOf } from "./asks.ts";
import { sameBytes, type Files } from "./generation.ts";
import type { ConsumerLabels, TemplateAsk } from "./labels.ts";
import { Names } from "./names.ts";
import type { Request } from "./stack.ts";

/** On every drop, beside the generations. */
export const SCRIPT = "with-secrets";

export interface Made {
  readonly bytes: Uint8Array;
  /** What it is made of, for messages: a secret, a template, or the format that its own name tells. */
  readonly origin: string;
}

/** Those that are no secret's own, with what each is made of. */
export function renderedFiles({ formats, templates }: ConsumerLabels): [file: string, origin: string][] {
  const lists = formats.filter((format) => format !== "files").map((format) => LIST_FILES[format]);
  return [
    ...lists.map((file): [string, string] => [file, file]),
    ...templates.map(({ file, template }): [string, string] => [file, template]),
  ];
}

/**
 * By file name.
 * @throws SidecryptError `render-failed` and whatever a template's reading found
 */
export function filesOf(labels: ConsumerLabels, { secrets, templates }: Opened): Map<string, Made> {
  const asks = asksOf(labels, Names.of(secrets));
  const values: Values = new Map([...asks].map(([file, name]) => [file, secrets.get(name) ?? new Uint8Array()]));
  const made = new Map<string, Made>();
  for (const format of labels.formats) {
    if (format !== "files")
      made.set(LIST_FILES[format], { bytes: writeList(format, values), origin: LIST_FILES[format] });
    else for (const [file, bytes] of values) made.set(file, { bytes, origin: asks.get(file) ?? file });
  }
  for (const { template, file } of labels.templates) {
    const bytes = renderTemplate(templateIn(templates, template), file, values);
    made.set(file, { bytes, origin: template });
  }
  return made;
}

/** Over all its containers, the newest last. Older labels that cannot be served any more add nothing. */
export function filesOfService({ asking, deciding }: Request, opened: Opened): Map<string, Made> {
  return new Map(
    asking.flatMap((one) => {
      try {
        return [...filesOf(one.labels, opened)];
      } catch (thrown) {
        if (one === deciding) throw thrown;
        return [];
      }
    }),
  );
}

function templateIn(templates: Templates | undefined, name: string): TemplateFile {
  const found = templates?.get(name);
  if (found instanceof Uint8Array) return { name, bytes: found };
  if (found !== undefined) throw new SidecryptError(found.code, found.message, found.hint);
  throw new SidecryptError("render-failed", `template ${name} was not kept with the bundle committed last`);
}

/** Name on the drop to value: files, and what stands in lists of them. Also holds files that are no secret's. */
export function valuesIn(files: Files): Files {
  const listed = [...files].flatMap(([file, bytes]) => [...(readList(file, bytes) ?? [])]);
  return new Map([...listed, ...files]);
}

/** Whether the template that is there now makes this file of these values: then it is not what changed. */
export function makes(
  templates: Templates,
  { template, file }: TemplateAsk,
  values: Files,
  bytes: Uint8Array,
): boolean {
  try {
    return sameBytes(renderTemplate(templateIn(templates, template), file, values), bytes);
  } catch {
    return false;
  }
}
