/** What the bundle says now, and every value that it ever held: those may be found nowhere. */
import { randomBytes } from "node:crypto";
import { expect } from "./run.ts";
import { FORMS, search } from "./search.ts";

export class Values {
  readonly #now: Map<string, string>;
  readonly #ever: Map<string, string[]>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#now = new Map(values);
    this.#ever = new Map([...values].map(([name, value]) => [name, [value]]));
  }

  of(name: string): string {
    const value = this.#now.get(name);
    expect(value !== undefined, `the bundle holds ${name}`);
    return value;
  }

  set(name: string, value: string): void {
    this.#now.set(name, value);
    this.#ever.get(name)?.push(value);
  }

  /** @returns how thorough the search was */
  expectNowhere(text: string): string {
    const where = search(text, this.#ever).map(({ name, form }) => `${name} (${form})`);
    expect(where.length === 0, `no value is found; found: ${where.join(", ")}`);
    const count = [...this.#ever.values()].flat().length;
    return `${count} values, each in ${FORMS} forms, in ${Math.round(text.length / 1000)} kB`;
  }
}

/** Unlike anything else, so that a search for it means something. */
export function fresh(what: string): string {
  return `${what}-${randomBytes(12).toString("hex")}`;
}
