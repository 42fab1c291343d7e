/** Needles to the patterns of one matcher: which bytes mean whose value in which form, and where they count. */
import { formsOf, keptForms } from "./forms.ts";
import { grade } from "./grade.ts";
import { Matcher } from "./matcher.ts";
import { hasPemBody, PEM_HEADERS, SHORTEST_SHAPE } from "./shapes.ts";
import type { Needle, SearcherOptions, Unchecked } from "./types.ts";

export interface Meaning {
  readonly name: string;
  readonly form: string;
  /** Whether it counts, by what follows it. */
  readonly holds?: (data: Uint8Array, end: number) => boolean;
}

export interface Patterns {
  readonly matcher: Matcher;
  /** By the matcher's index. */
  readonly meanings: readonly (readonly Meaning[])[];
  readonly lengths: readonly number[];
  /** Weak values by themselves, for whole fields; by the latin1 of their bytes. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly shapes: boolean;
  /** No data of fewer bytes has any of it. */
  readonly shortest: number;
  readonly unchecked: readonly Unchecked[];
  readonly weak: readonly Unchecked[];
}

/** What may stand between a name and its value. */
const ASSIGNMENTS = ["=", '="', "='", ": ", ': "', ": '", '":"', '": "', '\\":\\"', '\\": \\"'];

export function compile(
  needles: readonly Needle[],
  { digests = true, shapes = false, strict = false }: SearcherOptions,
): Patterns {
  const entries = new Map<string, { readonly bytes: Uint8Array; readonly meanings: Meaning[] }>();
  const add = (bytes: Uint8Array, meaning: Meaning): void => {
    const key = Buffer.from(bytes).toString("latin1");
    const entry = entries.get(key) ?? { bytes, meanings: [] };
    if (!entry.meanings.some(({ name }) => name === meaning.name)) entry.meanings.push(meaning);
    entries.set(key, entry);
  };
  const [unchecked, weak, fields] = [[] as Unchecked[], [] as Unchecked[], new Map<string, string[]>()];
  for (const { name, value } of needles) {
    const graded = grade(value);
    if (graded.grade === "unsearchable") {
      unchecked.push({ name, why: graded.why });
    } else if (graded.grade === "strong" || strict) {
      for (const { form, bytes } of digests ? keptForms(value) : formsOf(value, { digests }))
        add(bytes, { name, form });
    } else {
      weak.push({ name, why: graded.why });
      const text = Buffer.from(value).toString("latin1");
      fields.set(text, [...(fields.get(text) ?? []), name]);
      for (const between of ASSIGNMENTS) {
        add(Buffer.concat([Buffer.from(name + between), value]), { name, form: "NAME=value", holds: ends });
      }
    }
  }
  if (shapes) {
    for (const header of PEM_HEADERS)
      add(Buffer.from(header), { name: "shape:private-key", form: "raw", holds: hasPemBody });
  }
  const all = [...entries.values()];
  const matcher = new Matcher(all.map(({ bytes }) => bytes));
  return {
    matcher,
    meanings: all.map(({ meanings }) => meanings),
    lengths: all.map(({ bytes }) => bytes.length),
    fields,
    shapes,
    shortest: shapes ? Math.min(matcher.shortest, SHORTEST_SHAPE) : matcher.shortest,
    unchecked,
    weak,
  };
}

/** A weak value is a find only as a whole one. */
function ends(data: Uint8Array, end: number): boolean {
  return end === data.length || !/[\w./+-]/.test(String.fromCharCode(data[end] ?? 0));
}
