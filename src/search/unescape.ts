/** Undoes percent-encoding and backslashes around where they stand. */

export interface Region {
  readonly start: number;
  readonly end: number;
}

const [PERCENT, BACKSLASH, NEWLINE] = [37, 92, 10];
/** To either side of an escape: further away stands something else. */
const REACH = 4096;

const stops = (isStop: (byte: number) => boolean): Uint8Array =>
  new Uint8Array(256).map((_, byte) => (isStop(byte) ? 1 : 0));
const URL_STOPS = stops((byte) => byte <= 0x20 || byte === 0x22 || byte === 0x3c || byte === 0x3e);
const LINE_STOPS = stops((byte) => byte === NEWLINE);

/** The stretches around each `%` that a URL or a form may consist of. */
export const percentRegions = (data: Uint8Array): Region[] => regions(data, PERCENT, URL_STOPS);

/** The lines, or so much of them as is near, that have a backslash. */
export const backslashRegions = (data: Uint8Array): Region[] => regions(data, BACKSLASH, LINE_STOPS);

function regions(data: Uint8Array, mark: number, stop: Uint8Array): Region[] {
  const found: Region[] = [];
  let behind = 0;
  for (let at = data.indexOf(mark); at !== -1;) {
    let [start, end] = [at, at + 1];
    const least = Math.max(behind, at - REACH);
    while (start > least && stop[data[start - 1] ?? 0] === 0) start -= 1;
    const most = Math.min(data.length, start + 2 * REACH);
    while (end < most && stop[data[end] ?? 0] === 0) end += 1;
    found.push({ start, end });
    behind = end;
    at = data.indexOf(mark, end);
  }
  return found;
}

export function unpercent(text: string): string {
  return text.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

const SHORT: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", v: "\v", a: "\u0007" };

/** Of latin1 text, into latin1 text: `\u` makes UTF-8. */
export function unbackslash(text: string): string {
  return text.replace(
    /((?:\\u[\da-f]{4})+)|\\x([\da-f]{2})|\\([0-3][0-7]{2})|\\([^\n])/gi,
    (_, units?: string, hex?: string, octal?: string, other = "") => {
      if (units !== undefined) return Buffer.from(fromUnits(units)).toString("latin1");
      if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8));
      return SHORT[other as string] ?? (other as string);
    },
  );
}

function fromUnits(escapes: string): string {
  return String.fromCharCode(
    ...escapes
      .split(/\\u/i)
      .slice(1)
      .map((unit) => parseInt(unit, 16)),
  );
}
