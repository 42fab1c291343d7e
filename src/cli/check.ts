import { admit, loadPolicy } from "../admission.ts";
import { open } from "../bundle/index.ts";
import { parseConfig, type Config } from "../config.ts";
import type { Signer } from "../trust/index.ts";
import { parseArguments } from "./arguments.ts";
import type { Io } from "./io.ts";
import { openAll, openFile, type OpenedFile } from "./opening.ts";
import type { Ui } from "./ui.ts";

export async function check(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const [file = null] = parseArguments(argv, { command: "check", flags: {}, operands: 1 }).operands;
  const config = parseConfig(io.env);
  const files = file === null ? await openAll(config, ui) : [await openFile(file, config, ui)];
  const policy = await loadPolicy(config);
  for (const one of files) {
    const signer = await admit(one.bundle, policy, io.clock.now());
    print(one, signer, await emptyNames(one, config), ui);
  }
  return 0;
}

/** Of the values that SOPS does not authenticate, those that were allowed; quotes around nothing are authenticated. */
async function emptyNames(
  { bundle, identities, opened, description }: OpenedFile,
  { allowEmpty }: Config,
): Promise<readonly string[]> {
  const empty = [...opened.secrets].filter(([, value]) => value.length === 0).map(([name]) => name);
  // The file inside is one value of the bundle.
  if (empty.length === 0 || description.format === "binary") return [];
  const { secrets } = await open(bundle, identities, { allowEmpty, dotenv: "raw" });
  return empty.filter((name) => secrets.get(name)?.length === 0);
}

function print(
  { path, opened, description }: OpenedFile,
  signer: Signer | null,
  empty: readonly string[],
  ui: Ui,
): void {
  const names = [...opened.secrets.keys()];
  // How many keys open it: one that is forgotten shows here, not on the day of the disaster.
  const { format, recipients } = description;
  const lines = [
    `${path}: ${format}, ${count(names.length, "secret")}, ${count(recipients.length, "recipient")}, MAC verified`,
    ...(signer === null ? [] : [`signed by ${signer.principals}, key ${signer.fingerprint}`]),
    ...(empty.length === 0 ? [] : [`not authenticated, since empty: ${empty.join(", ")}`]),
    ...names,
    ...opened.warnings.map(({ subject, message }) => `warning: ${subject}: ${message}`),
  ];
  // At once: each text is searched and written on its own, and a bundle may have thousands of names.
  ui.out(lines.join("\n"));
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
