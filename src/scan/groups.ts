/** Finds as they come → what is told of them. Memory is bounded however many they are. */
import type { Allowed, Finding } from "./types.ts";

/** Lines of one find that are named; the others are counted. */
export const MAX_LINES_SHOWN = 10;
/** Reasons that are told one by one: a log may have another on each line. */
const MAX_REASONS = 100;
const OTHER_REASON = "other reasons, too many to tell each";

export interface Find {
  readonly name: string;
  readonly form: string;
  /** From 1. */
  readonly line: number;
  /** Why it may stand there; null: it may not. */
  readonly reason: string | null;
}

interface Group {
  readonly name: string;
  readonly form: string;
  readonly reason: string | null;
  readonly lines: Set<number>;
  count: number;
}

/** One for each name, form and reason, so that a log with a million of them is told in one line. */
export class Groups {
  readonly #groups = new Map<string, Group>();
  readonly #reasons = new Set<string>();

  add({ name, form, line, reason }: Find): void {
    const told = this.#reasonToTell(reason);
    const key = `${name}\0${form}\0${told ?? ""}`;
    const group = this.#groups.get(key) ?? { name, form, reason: told, lines: new Set(), count: 0 };
    if (group.lines.size < MAX_LINES_SHOWN) group.lines.add(line);
    group.count += 1;
    this.#groups.set(key, group);
  }

  #reasonToTell(reason: string | null): string | null {
    if (reason === null || this.#reasons.has(reason)) return reason;
    if (this.#reasons.size >= MAX_REASONS) return OTHER_REASON;
    this.#reasons.add(reason);
    return reason;
  }

  findings(place: string): Finding[] {
    return [...this.#groups.values()].flatMap(({ reason, ...group }) =>
      reason === null ? [findingOf(group, place)] : [],
    );
  }

  allowed(place: string): Allowed[] {
    return [...this.#groups.values()].flatMap(({ reason, ...group }) =>
      reason === null ? [] : [{ ...findingOf(group, place), reason }],
    );
  }
}

function findingOf({ name, form, lines, count }: Omit<Group, "reason">, place: string): Finding {
  return { name, form, place, lines: [...lines], count };
}
