import { abbreviate, describeBundle, open } from "../bundle/index.ts";
import { parseConfig, type Config } from "../config.ts";
import { loadIdentities } from "../keys.ts";
import type { Bundle } from "../types.ts";
import { parseArguments, usage } from "./arguments.ts";
import type { Io } from "./io.ts";
import { readCommitted, readNamed } from "./revision.ts";
import type { Ui } from "./ui.ts";

type Kind = "added" | "removed" | "changed" | "same";

export interface Difference {
  readonly kind: Kind;
  /** A secret's, or a recipient's. */
  readonly name: string;
}

/** As diff(1): trouble is 2 or more. */
const DIFFERENT = 1;

export async function diff(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, { command: "diff", flags: { json: { type: "boolean" } }, operands: 2 });
  const [first, second] = parsed.operands;
  if (first === undefined) throw usage("diff: name the bundle, or two", "diff");
  const [old, next] =
    second === undefined
      ? [await readCommitted(first, io.env), await readNamed(first, io.env)]
      : [await readNamed(first, io.env), await readNamed(second, io.env)];
  const config = parseConfig(io.env);
  const secrets = compare(await secretsOf(old, config, ui), await secretsOf(next, config, ui));
  const recipients = compare(recipientsOf(old), recipientsOf(next));
  if (parsed.has("json")) ui.out(JSON.stringify({ secrets: byKind(secrets), recipients: byKind(recipients) }, null, 2));
  else print(secrets, recipients, ui);
  return [...secrets, ...recipients].every(({ kind }) => kind === "same") ? 0 : DIFFERENT;
}

async function secretsOf(bundle: Bundle, config: Config, ui: Ui): Promise<ReadonlyMap<string, Uint8Array>> {
  const identities = await loadIdentities(config);
  const { secrets } = await open(bundle, identities, { allowEmpty: config.allowEmpty, dotenv: config.dotenv });
  ui.redactor.remember(secrets.values());
  return secrets;
}

function recipientsOf(bundle: Bundle): ReadonlyMap<string, Uint8Array> {
  return new Map(describeBundle(bundle.bytes).recipients.map((recipient) => [recipient, new Uint8Array()]));
}

/** In the order of the new file; what is gone comes last. */
export function compare(
  old: ReadonlyMap<string, Uint8Array>,
  next: ReadonlyMap<string, Uint8Array>,
): readonly Difference[] {
  const found = [...next].map(([name, value]): Difference => {
    const before = old.get(name);
    if (before === undefined) return { kind: "added", name };
    return { kind: Buffer.compare(before, value) === 0 ? "same" : "changed", name };
  });
  const gone = [...old.keys()].filter((name) => !next.has(name));
  return [...found, ...gone.map((name): Difference => ({ kind: "removed", name }))];
}

function print(secrets: readonly Difference[], recipients: readonly Difference[], ui: Ui): void {
  for (const { kind, name } of secrets) ui.out(`${kind.padEnd(8)} ${name}`);
  for (const { kind, name } of recipients) {
    if (kind !== "same") ui.out(`${kind.padEnd(8)} recipient ${abbreviate(name)}`);
  }
}

function byKind(differences: readonly Difference[]): Record<Kind, string[]> {
  const names = (kind: Kind): string[] => differences.filter((one) => one.kind === kind).map(({ name }) => name);
  return { added: names("added"), removed: names("removed"), changed: names("changed"), same: names("same") };
}
