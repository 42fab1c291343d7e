/** What stands in the data as it is. */
import { ends, type Patterns } from "./patterns.ts";
import type { Hit } from "./types.ts";

export interface Span extends Hit {
  /** Behind the last byte. */
  readonly end: number;
}

/** In order of place; of several forms of one value that overlap (a value and its trimmed self), the first. */
export function findDirect(data: Uint8Array, { matcher, meanings, lengths }: Patterns): Span[] {
  const spans: Span[] = [];
  matcher.find(data, (pattern, offset) => {
    const end = offset + (lengths[pattern] ?? 0);
    for (const { name, form, bounded } of meanings[pattern] ?? []) {
      if (!bounded || ends(data[end])) spans.push({ name, form, offset, end });
    }
  });
  return withoutOverlaps(spans);
}

export function withoutOverlaps(spans: readonly Span[]): Span[] {
  const until = new Map<string, number>();
  return spans
    .toSorted((a, b) => a.offset - b.offset || b.end - a.end)
    .filter(({ name, offset, end }) => {
      if (offset < (until.get(name) ?? 0)) return false;
      until.set(name, end);
      return true;
    });
}
