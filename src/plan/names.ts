/**
 * The names of one bundle, looked up by how they begin: what a glob begins with few names begin with, and two hundred
 * consumers that each try their globs on every name would be most of what a plan costs.
 */
const known = new WeakMap<ReadonlyMap<string, unknown>, Names>();

export class Names {
  /** In the bundle's order. */
  readonly all: readonly string[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #sorted: readonly string[];

  constructor(names: Iterable<string>) {
    this.all = [...names];
    this.#places = new Map(this.all.map((name, index) => [name, index]));
    this.#sorted = this.all.toSorted();
  }

  /** Of a bundle that was opened, which nobody changes: made once. */
  static of(secrets: ReadonlyMap<string, unknown>): Names {
    const names = known.get(secrets) ?? new Names(secrets.keys());
    known.set(secrets, names);
    return names;
  }

  has(name: string): boolean {
    return this.#places.has(name);
  }

  startingWith(prefix: string): readonly string[] {
    if (prefix === "") return this.all;
    const from = this.#lowerBound(prefix);
    let to = from;
    while (this.#sorted[to]?.startsWith(prefix) === true) to += 1;
    return this.#sorted.slice(from, to);
  }

  inOrder(names: Iterable<string>): string[] {
    const placeOf = (name: string): number => this.#places.get(name) ?? 0;
    return [...new Set(names)].sort((a, b) => placeOf(a) - placeOf(b));
  }

  #lowerBound(prefix: string): number {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] ?? "") < prefix) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
