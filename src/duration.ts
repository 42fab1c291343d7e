/** Durations as people write them in Compose files: `500ms`, `30s`, `1m30s`, `1.5h`; and ages as they read them. */

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const UNITS: ReadonlyMap<string, number> = new Map([
  ["d", DAY],
  ["h", HOUR],
  ["m", MINUTE],
  ["s", SECOND],
  ["ms", 1],
]);

/** No duration that anybody means is written longer; keeps the digits within what a number holds exactly. */
const MAX_TEXT = 32;

/** Milliseconds; null for anything that is not a duration. A bare number is none: seconds or milliseconds? */
export function parseDuration(text: string): number | null {
  if (text.length > MAX_TEXT || !/^(?:\d+(?:\.\d+)?(?:ms|[dhms]))+$/.test(text)) return null;
  let total = 0;
  let lastUnit = Infinity;
  for (const [, amount, name] of text.matchAll(/([\d.]+)(ms|[dhms])/g)) {
    const unit = UNITS.get(name ?? "") ?? 0;
    // Largest first and each once: `1s1m` is a slip, not a duration.
    if (unit >= lastUnit) return null;
    lastUnit = unit;
    total += Number(amount) * unit;
  }
  return Number.isSafeInteger(Math.round(total)) ? Math.round(total) : null;
}

/** The shortest text that `parseDuration` reads back as the same number. */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.round(ms));
  let text = "";
  for (const [name, unit] of UNITS) {
    const amount = Math.floor(rest / unit);
    rest -= amount * unit;
    if (amount > 0) text += `${amount}${name}`;
  }
  return text === "" ? "0s" : text;
}

/** How long ago, in the two largest units that say something: `45s`, `12m`, `3h12m`, `4d2h`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND)) * SECOND;
  if (seconds < HOUR) return formatDuration(seconds < MINUTE ? seconds : seconds - (seconds % MINUTE));
  return formatDuration(seconds - (seconds % (seconds < DAY ? MINUTE : HOUR)));
}
