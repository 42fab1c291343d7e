/** Without a bundle and without a key: which names and values look like a secret. Never repeats a value. */

/** `strong`: a person named it a secret; `weak`: it may be one. Null: it does not look like one. */
export type Likeness = "strong" | "weak" | null;

const STRONG =
  /(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|SECRET_?KEY|ACCESS_?KEY|CREDENTIALS?)$/;
const WEAK = /(?:^|_)(?:KEY|PASS|PW|PWD|AUTH|PIN|SEED|MNEMONIC)$/;
const PUBLIC = /PUB(?:LIC)?_?KEY$/;

export function nameLikeness(name: string): Likeness {
  // apiKey, api-key and api.key are API_KEY.
  const plain = name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/[^A-Za-z0-9]+/g, "_")
    .toUpperCase();
  if (PUBLIC.test(plain)) return null;
  if (STRONG.test(plain)) return "strong";
  return WEAK.test(plain) ? "weak" : null;
}

/** Nothing to hide: empty, a switch, a path, or a variable that the shell of the container fills in. */
export function isHarmless(value: string): boolean {
  const text = value.trim();
  return (
    /^(?:|true|false|yes|no|on|off|none|null|\d{1,4})$/i.test(text) || /^[./~][\w./@-]*$/.test(text) || isFilledIn(text)
  );
}

/** `$NAME`, `${NAME}` or `$(cat …)` alone. */
const isFilledIn = (text: string): boolean => /^"?\$(?:\w+|\{[^}]*\}|\([^)]*\))"?$/.test(text);

const SHAPES: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["an age key", /AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{20}/i],
  ["a private key", /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ["a password in a URL", /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@$]*:(?!\$)[^\s/@$]+@/i],
  ["a token of a known kind", /\b(?:gh[pousr]_[A-Za-z0-9]{30}|xox[abposr]-[\w-]{10}|\d{8,10}:[\w-]{35}\b)/],
];

/** What kind of secret a text holds by its shape; null: none. */
export function shapeOf(text: string): string | null {
  return SHAPES.find(([, pattern]) => pattern.test(text))?.[0] ?? null;
}

/** `--requirepass X`, `--password=X`, `TOKEN=X …`: the option's name, where what follows is a literal. Null: none. */
export function secretOption(words: readonly string[]): string | null {
  // A script in one word is words again.
  const parts = words.flatMap((word) => word.match(/"[^"]*"|'[^']*'|\$\([^)]*\)|[^\s=]+|=/g) ?? []);
  for (const [index, part] of parts.entries()) {
    const name = part.replace(/^-+/, "");
    const isOption = part.startsWith("-") || parts[index + 1] === "=";
    const value = parts[index + 1] === "=" ? parts[index + 2] : parts[index + 1];
    if (!isOption || value === undefined || value.startsWith("-")) continue;
    const secret = nameLikeness(name) === "strong" || /^(?:requirepass|masterauth)$/.test(name);
    if (secret && !isHarmless(value.replace(/^["']|["']$/g, ""))) return name;
  }
  return null;
}
