import { unsetSecret } from "../bundle/index.ts";
import { parseConfig } from "../config.ts";
import { SidecryptError } from "../errors.ts";
import { nearest } from "../near.ts";
import { parseArguments, type Shape } from "./arguments.ts";
import type { Io } from "./io.ts";
import { openFile } from "./opening.ts";
import { changed, replaceBundle } from "./rewriting.ts";
import { onlyName } from "./secret-name.ts";
import type { Ui } from "./ui.ts";

const SHAPE: Shape = {
  command: "unset",
  flags: { bundle: { type: "string" } },
  // Counted below, where no argument is repeated.
  operands: Infinity,
  discreet: true,
};

export async function unset(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, SHAPE);
  const name = onlyName(parsed.operands, "unset");
  const config = parseConfig(io.env);
  const file = await openFile(parsed.value("bundle"), config, ui);
  const { path, bundle, identities, opened } = file;
  if (!opened.secrets.has(name)) throw noSuchSecret(path, name, opened.secrets.keys());
  const bytes = await changed(path, bundle.bytes, () =>
    unsetSecret(bundle.bytes, identities, name, new Date(io.clock.now()), { allowEmpty: config.allowEmpty }),
  );
  if (bytes !== null) await replaceBundle(file, bytes, config, ui);
  ui.say(`${name} removed from ${path}`);
  ui.say("its value stays readable in git's history: revoke it at its issuer");
  return 0;
}

function noSuchSecret(path: string, name: string, names: Iterable<string>): SidecryptError {
  const near = nearest(name, names);
  const hint = near === null ? `sidecrypt check ${path} prints the names` : `did you mean ${near}?`;
  return new SidecryptError("secret-missing", `${path} has no secret of that name`, hint);
}
