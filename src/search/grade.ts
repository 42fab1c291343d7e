/**
 * How much a find of a value means. A short or common value stands in any text by chance (tmpfs-and-leaks.md §1.4):
 * it is searched for only where a field holds exactly it, or not at all, and then the report says so.
 */

export type Grade = "strong" | "weak" | "unsearchable";

export interface Graded {
  readonly grade: Grade;
  /** For the report; says nothing of the value's length. "" for a strong one. */
  readonly why: string;
}

const STRONG_LENGTH = 8;
const STRONG_BITS = 32;
const WEAK_LENGTH = 6;
/** Lower-case words alone: a name of a thing more often than a passphrase, unless it is as long as several. */
const WORDS_LENGTH = 20;

const COMMON = new Set(
  `true false null none undefined yes no on off enabled disabled default test testing tests debug info warn warning error
  admin administrator root user users guest public private password passwd passphrase secret secrets changeme example
  production development staging prod dev stage local localhost master main latest server client bridge host network
  postgres postgresql mysql mariadb mongodb redis rabbitmq nginx docker compose service container bot bots trader
  trading binance bitget bybit kraken coinbase sqlite memory string number object boolean username hostname database
  token apikey api_key api-key telegram discord webhook utf-8 utf8 json-file sleep infinity always unless-stopped
  no-cache application/json text/plain`.split(/\s+/),
);

/** Things that a bundle holds beside its secrets, and that stand in the clear everywhere else. */
const PLAIN: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^[\d.,:+-]{1,9}$/, "a number"],
  [/^(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?$/, "an address"],
  [/^[a-z\d-]+(?:\.[a-z\d-]+)*:\d{1,5}$/i, "an address"],
  [/^[a-z][a-z\d+.-]*:\/\/[^@?#\s]*$/i, "a URL without a password"],
  [/^(?:\.{0,2}\/)?(?:[\w.-]{1,24}\/)+[\w.-]{0,24}$/, "a path"],
  [/^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$/, "an e-mail address"],
  [/^\d{4}-\d\d-\d\d(?:[T ][\d:.]+Z?)?$/, "a date"],
  [/^(?:[a-z\d-]+\.)+[a-z]{2,10}$/i, "a host's name"],
  [/^(?:[A-Z]{1,11}|[A-Z]+(?:_[A-Z]+)+)=?$/, "the name of a setting"],
];

const LONGEST_COMMON = 16;

/** It stands in any text, and in the machine-readable ones as a part of their grammar. */
export function isCommon(value: Uint8Array): boolean {
  return value.length <= LONGEST_COMMON && COMMON.has(wordOf(value).toLowerCase());
}

const wordOf = (value: Uint8Array): string => Buffer.from(value).toString("latin1").trim();

export function grade(value: Uint8Array): Graded {
  const text = wordOf(value);
  if (text === "") return { grade: "unsearchable", why: "empty" };
  if (COMMON.has(text.toLowerCase())) return { grade: "unsearchable", why: "too common a word" };
  if (/^[+-]?[\d.,]{1,5}$/.test(text)) return { grade: "unsearchable", why: "too short a number" };
  if (text.length < WEAK_LENGTH) return { grade: "unsearchable", why: "too short" };
  const plain = PLAIN.find(([pattern]) => pattern.test(text));
  if (plain !== undefined) return { grade: "weak", why: `${plain[1]}, which may stand in the clear elsewhere` };
  // Not the padding of base64.
  const setting = /^[A-Za-z_][\w.-]*=(?!=*$)(.*)$/s.exec(text)?.[1];
  if (setting !== undefined && grade(Buffer.from(setting, "latin1")).grade !== "strong") {
    return { grade: "weak", why: "a setting of something plain, which may stand in the clear elsewhere" };
  }
  if (text.length < WORDS_LENGTH && /^[A-Za-z]?[a-z]*(?:[ ._-][A-Za-z]?[a-z]+)*$/.test(text)) {
    return { grade: "weak", why: "a word" };
  }
  if (text.length < STRONG_LENGTH || bits(text) < STRONG_BITS) return { grade: "weak", why: "easy to meet by chance" };
  return { grade: "strong", why: "" };
}

const ALPHABETS: readonly (readonly [part: RegExp, size: number])[] = [
  [/\d/, 10],
  [/[a-f]/, 6],
  [/[g-z]/, 20],
  [/[A-F]/, 6],
  [/[G-Z]/, 20],
  [/[^\dA-Za-z]/, 32],
];

/** An estimate: what a random text of this length over the same alphabet would have, and of its distinct characters. */
function bits(text: string): number {
  const alphabet = ALPHABETS.reduce((sum, [part, size]) => sum + (part.test(text) ? size : 0), 0);
  const distinct = new Set(text).size;
  return Math.min(text.length * Math.log2(Math.max(alphabet, 2)), distinct * distinct);
}
