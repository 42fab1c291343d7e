import { setSecret } from "../bundle/index.ts";
import { parseConfig, type Config } from "../config.ts";
import { SidecryptError } from "../errors.ts";
import { parseArguments, type Shape } from "./arguments.ts";
import type { Io } from "./io.ts";
import { openFile, type OpenedFile } from "./opening.ts";
import { changed, replaceBundle, type NewBytes } from "./rewriting.ts";
import { onlyName } from "./secret-name.ts";
import type { Ui } from "./ui.ts";
import { readPiped, readPrompted } from "./value.ts";

/** What a shell reports of a process that Ctrl-C ended. */
const INTERRUPTED = 130;

const SHAPE: Shape = {
  command: "set",
  flags: { bundle: { type: "string" }, "keep-newline": { type: "boolean" } },
  // Counted below: a second operand is most likely the value.
  operands: Infinity,
  discreet: true,
};

export async function set(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, SHAPE);
  const name = onlyName(parsed.operands, "set");
  const config = parseConfig(io.env);
  // Before the value is asked for: nobody shall type one for a bundle that does not open.
  const file = await openFile(parsed.value("bundle"), config, ui);
  const value =
    io.stdin.isTTY === true
      ? await readPrompted(io.stdin, ui, name)
      : await readPiped(io.stdin, parsed.has("keep-newline"));
  if (value === null) return INTERRUPTED;
  ui.redactor.remember([value]);
  refuseEmpty(name, value, config.allowEmpty);
  const bytes = await withSecret(file, name, value, config, io);
  if (bytes === null) {
    ui.say(`${name} is unchanged; ${file.path} is left as it is`);
    return 0;
  }
  await replaceBundle(file, bytes, config, ui);
  ui.say(`${name} ${file.opened.secrets.has(name) ? "changed in" : "added to"} ${file.path}`);
  return 0;
}

function withSecret(
  { path, bundle, identities, opened }: OpenedFile,
  name: string,
  value: Uint8Array,
  { allowEmpty }: Config,
  { clock }: Io,
): Promise<NewBytes> {
  const present = opened.secrets.get(name);
  // By what is delivered: quotes around a value may be another person's way to write the same.
  if (present !== undefined && Buffer.compare(present, value) === 0) return Promise.resolve(null);
  return changed(path, bundle.bytes, () =>
    setSecret(bundle.bytes, identities, name, value, new Date(clock.now()), { allowEmpty }),
  );
}

/** Empty values are not authenticated by SOPS, so `open` would refuse the bundle that we had just written. */
function refuseEmpty(name: string, value: Uint8Array, allowed: ReadonlySet<string>): void {
  if (value.length > 0 || allowed.has(name)) return;
  throw new SidecryptError(
    "bundle-empty-value",
    `the value of ${name} is empty: SOPS does not authenticate empty values`,
    `to allow it: SIDECRYPT_ALLOW_EMPTY=${name}`,
  );
}
