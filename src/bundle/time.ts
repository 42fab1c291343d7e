/** `lastmodified` as additional data of the MAC (sops.md §4.2). */

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:\d\d)$/;

/** What Go's `Format(RFC3339)` makes of the parsed text: whole seconds, offset zero as `Z`. Null: not RFC 3339. */
export function lastModifiedText(text: string): string | null {
  const match = RFC3339.exec(text);
  if (match === null || !isRealTime(match.slice(1, 7).map(Number))) return null;
  const offset = match[7] ?? "";
  if (offset !== "Z" && !/^.(?:[01]\d|2[0-3]):[0-5]\d$/.test(offset)) return null;
  return text.slice(0, 19) + (/^[+-]00:00$/.test(offset) ? "Z" : offset);
}

function isRealTime([year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0]: readonly number[]): boolean {
  // Date.UTC takes years below 100 for 19xx: 400 years later is the same calendar.
  const daysInMonth = new Date(Date.UTC(year + 400, month, 0)).getUTCDate();
  return month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth && hour < 24 && minute < 60 && second < 60;
}

/** As sops writes it: UTC, whole seconds. */
export function formatTime(now: Date): string {
  return `${now.toISOString().slice(0, 19)}Z`;
}
