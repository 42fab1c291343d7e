/** What somebody who can write the bundle, but holds no key, can do to it. Text in, text out. */

const lines = (text: string): string[] => text.trimEnd().split("\n");
const joined = (all: readonly string[]): string => `${all.join("\n")}\n`;

/** The dotenv store keeps its own fields below the data; a forger puts his lines among the data. */
function withLine(text: string, line: string): string {
  const all = lines(text);
  const end = all.findIndex((one) => one.startsWith("sops_"));
  return joined(all.toSpliced(end, 0, line));
}

function valueOf(text: string, name: string): string {
  const line = lines(text).find((one) => one.startsWith(`${name}=`));
  if (line === undefined) throw new Error(`the bundle has no ${name}`);
  return line.slice(name.length + 1);
}

function replaced(text: string, name: string, value: (old: string) => string): string {
  return joined(
    lines(text).map((line) => (line.startsWith(`${name}=`) ? `${name}=${value(line.slice(name.length + 1))}` : line)),
  );
}

export type Forgery = (text: string, name: string, other: string) => string;

export const FORGERIES: Readonly<Record<string, Forgery>> = {
  "whose value is plaintext": (text, name) => replaced(text, name, () => "plaintext-of-a-forger"),
  "with a key's line removed": (text, name) => joined(lines(text).filter((line) => !line.startsWith(`${name}=`))),
  "without its MAC": (text) => joined(lines(text).filter((line) => !line.startsWith("sops_mac="))),
  "with an empty duplicate of a key": (text, name) => withLine(text, `${name}=`),
  "with a new empty name that a glob matches": (text, name) => withLine(text, `${name}_PROXY=`),
  "with a ciphertext replayed as a comment": (text, name) =>
    withLine(text, `${name}=${valueOf(text, name).replace(/,type:\w+\]$/, ",type:comment]")}`),
  "with two ciphertexts swapped": (text, name, other) => {
    const [mine, theirs] = [valueOf(text, name), valueOf(text, other)];
    return replaced(
      replaced(text, name, () => theirs),
      other,
      () => mine,
    );
  },
  "cut off in the middle": (text) => text.slice(0, text.length / 2),
};
