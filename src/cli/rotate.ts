import { abbreviate, describeBundle, rewrap } from "../bundle/index.ts";
import { parseConfig } from "../config.ts";
import { SidecryptError } from "../errors.ts";
import { parseArguments } from "./arguments.ts";
import type { Io } from "./io.ts";
import { openFile } from "./opening.ts";
import { recipientsByRule } from "./policy.ts";
import { refuseOtherServices } from "./recipients.ts";
import { changed, replaceBundle, requireSameSecrets } from "./rewriting.ts";
import { requireAsRuled } from "./strangers.ts";
import type { Ui } from "./ui.ts";

export async function rotate(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const flags = { config: { type: "string" } } as const;
  const parsed = parseArguments(argv, { command: "rotate", flags, operands: 1 });
  const config = parseConfig(io.env);
  const file = await openFile(parsed.operands[0] ?? null, config, ui);
  const { path, bundle, identities } = file;
  const { recipients, otherServices } = describeBundle(bundle.bytes);
  refuseOtherServices(path, otherServices);
  requireAsRuled(path, recipients, await recipientsByRule(path, parsed.value("config"), ui));
  const bytes = await changed(path, bundle.bytes, () =>
    rewrap(bundle.bytes, identities, recipients, new Date(io.clock.now())),
  );
  if (bytes === null) throw new SidecryptError("internal", `${path}: the data key did not change`);
  await requireSameSecrets(file, bytes, config);
  await replaceBundle(file, bytes, config, ui);
  ui.say(`${path} has a new data key; the values are the same, and for the same recipients:`);
  for (const recipient of recipients) ui.say(`  ${abbreviate(recipient)}`);
  return 0;
}
