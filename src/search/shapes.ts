/** Keys and tokens that show what they are: by a prefix of their issuer's, or by the name that they are assigned to. */
import type { Span } from "./find.ts";

/** How a find is named that is known by its looks alone. */
const PREFIX = "shape:";

/** Its kind; null: the name is a needle's. */
export const shapeOf = (name: string): string | null => (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : null);

interface Shape {
  readonly kind: string;
  /** Three characters that it may begin with. */
  readonly heads: readonly string[];
  readonly pattern: RegExp;
  /** Whether it is one, by more than its letters [isRandom]. */
  readonly holds?: (token: string) => boolean;
}

/** The subject of the example that jwt.io, and with it every documentation and every test of a parser, has. */
const EXAMPLE_SUBJECT = "1234567890";

/** A header that names an algorithm. */
function isToken(jwt: string): boolean {
  const [header, claims] = jwt.split(".").map((part) => Buffer.from(part, "base64url").toString());
  const isExample = (claims ?? "").includes(`"${EXAMPLE_SUBJECT}"`);
  return /^\s*\{.*"alg"\s*:/s.test(header ?? "") && !isExample && isRandom(jwt);
}

const SHAPES: readonly Shape[] = [
  {
    kind: "age-identity",
    heads: ["AGE"],
    pattern: /AGE-SECRET-KEY-(?:PQ-)?1[02-9AC-HJ-NP-Z]{50,}/iy,
    // One in thousands has four of a letter in a row, as a placeholder has.
    holds: (identity) => isVaried(identity.slice(identity.lastIndexOf("1") + 1)),
  },
  { kind: "aws-access-key", heads: ["AKI", "ASI"], pattern: /A[KS]IA[A-Z2-7]{16}(?![\w-])/y },
  { kind: "google-api-key", heads: ["AIz"], pattern: /AIza[\w-]{35}(?![\w-])/y },
  {
    kind: "github-token",
    heads: ["ghp", "gho", "ghu", "ghs", "ghr"],
    pattern: /gh[pousr]_[A-Za-z\d]{36,251}(?![\w-])/y,
  },
  { kind: "github-token", heads: ["git"], pattern: /github_pat_[A-Za-z\d]{22}_[A-Za-z\d]{59}(?![\w-])/y },
  { kind: "gitlab-token", heads: ["gla"], pattern: /glpat-[\w-]{20,}/y },
  { kind: "slack-token", heads: ["xox"], pattern: /xox[abeoprs]-(?=[A-Za-z-]*\d)[\dA-Za-z-]{20,}/y },
  { kind: "jwt", heads: ["eyJ"], pattern: /eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}/y, holds: isToken },
  { kind: "npm-token", heads: ["npm"], pattern: /npm_[A-Za-z\d]{36}(?![\w-])/y },
  { kind: "stripe-key", heads: ["sk_"], pattern: /sk_live_[A-Za-z\d]{24,}/y },
];
const BY_HEAD = new Map(
  SHAPES.flatMap(({ heads }) => heads).map((head) => [head, SHAPES.filter(({ heads }) => heads.includes(head))]),
);
/** By two bytes: 1 where a head begins so. Few texts have one of these pairs. */
const BEGINS = new Uint8Array(2 ** 16);
for (const head of BY_HEAD.keys()) BEGINS[head.charCodeAt(0) | (head.charCodeAt(1) << 8)] = 1;
const WORD = new Uint8Array(256).map((_, byte) => (/\w/.test(String.fromCharCode(byte)) ? 1 : 0));

/** The shortest of all: a run that is shorter holds none. */
export const SHORTEST_SHAPE = 20;
/** A JWT's second and third part stand behind dots. */
const REACH = 4096;

const EXCHANGE = /^(?:bg_[\da-f]{32}|[\da-f]{64}|[A-Za-z\d]{64})$/;
/** Of runs that may be one of these two. */
const [SHORTER, LONGER] = [35, 64];
const ASSIGNED =
  /(?:(?:api|access|private|secret)[_-]?(?:key|secret|token)|passphrase)\\?["']?\s{0,2}[:=]\s{0,2}\\?["']?$/i;
const TELEGRAM = /(?<!\d)\d{8,10}:$/;
const TELEGRAM_TOKEN = /^AA[\w-]{33}$/;
const BEFORE = 64;

const PLACEHOLDER = /example|xxxx|0000|1111|aaaa|1234567|abcdefg|placeholder|your[_-]|test[_-]?key/i;
const DISTINCT = 10;

/** In a run of token characters; `view`: of the same data. */
export function shapesIn(data: Buffer, view: DataView, start: number, end: number, found: Span[]): void {
  for (let at = start; at + 3 < end; at++) {
    if (BEGINS[view.getUint16(at, true)] === 1) withHead(data, start, at, found);
  }
  const length = end - start;
  if (length === SHORTER || length === LONGER) inContext(data, start, end, found);
}

function withHead(data: Buffer, start: number, at: number, found: Span[]): void {
  if (at > start && WORD[data[at - 1] ?? 0] === 1 && !isBehindEscape(data, at)) return;
  const shapes = BY_HEAD.get(data.toString("latin1", at, at + 3));
  if (shapes === undefined) return;
  const text = data.toString("latin1", at, Math.min(data.length, at + REACH));
  for (const { kind, pattern, holds = isRandom } of shapes) {
    pattern.lastIndex = 0;
    const token = pattern.exec(text)?.[0];
    if (token !== undefined && holds(token)) tell(kind, at, token, found);
  }
}

const BACKSLASH = 0x5c;
/** Line feed, carriage return and tab as JSON and others write them. */
const ESCAPED = new Set(Buffer.from("nrt"));

const isBehindEscape = (data: Buffer, at: number): boolean =>
  data[at - 2] === BACKSLASH && ESCAPED.has(data[at - 1] ?? 0);

/** What only looks like a key beside what stands before it. */
function inContext(data: Buffer, start: number, end: number, found: Span[]): void {
  const text = data.toString("latin1", start, end);
  const before = data.toString("latin1", Math.max(0, start - BEFORE), start);
  if (TELEGRAM.test(before) && TELEGRAM_TOKEN.test(text) && isRandom(text)) tell("telegram-token", start, text, found);
  if (ASSIGNED.test(before) && EXCHANGE.test(text) && isRandom(text)) tell("exchange-key", start, text, found);
}

function tell(kind: string, offset: number, text: string, found: Span[]): void {
  found.push({ name: `${PREFIX}${kind}`, form: "raw", offset, end: offset + text.length });
}

/** Documentation is full of what looks like a key and opens nothing. */
function isRandom(token: string): boolean {
  return !PLACEHOLDER.test(token) && isVaried(token) && /\d/.test(token);
}

const isVaried = (text: string): boolean => new Set(text).size >= DISTINCT;

export const PEM_HEADERS = ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED "]
  .map((kind) => `-----BEGIN ${kind}PRIVATE KEY-----`)
  .concat("-----BEGIN PGP PRIVATE KEY BLOCK-----");
const PEM_BODY = /^(?:\s|\\r|\\n|[\w-]+:[^\n\\]*)*[A-Za-z\d+/]{40}/;

/** Whether a key follows its header: many a text quotes the header alone. */
export function hasPemBody(data: Uint8Array, end: number): boolean {
  return PEM_BODY.test(Buffer.from(data.subarray(end, end + 400)).toString("latin1"));
}
