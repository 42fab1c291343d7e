/** `.sops.yaml` on disk: found upwards from the bundle, so that it does not matter where a command is run. */
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { SidecryptError, systemCode } from "../errors.ts";
import { matchingRule, parseRules, recipientsOf, type RuleFile } from "../rules/index.ts";
import type { Ui } from "./ui.ts";

const NAME = ".sops.yaml";
/** sops passes it over too, with a warning. */
const WRONG_NAME = ".sops.yml";

/** @param config - the path that `--config` names; null: looked for. Null: there is none. */
export async function findRules(bundlePath: string, config: string | null, ui: Ui): Promise<RuleFile | null> {
  if (config !== null) return readRules(resolve(config));
  const near = await lookUpwards(dirname(bundlePath), ui);
  const here = await lookUpwards(process.cwd());
  if (near !== null && here !== null && near !== here) {
    ui.warn(`sops, run here, would go by ${here}; sidecrypt goes by ${near}, which is nearer to the file`);
  }
  return near === null ? null : readRules(near);
}

/** Whom the rule for this file names; null: nobody wrote one for it. */
export async function recipientsByRule(
  bundlePath: string,
  config: string | null,
  ui: Ui,
): Promise<readonly string[] | null> {
  const rules = await findRules(bundlePath, config, ui);
  const rule = rules === null ? null : matchingRule(rules, bundlePath);
  return rule === null ? null : recipientsOf(rule);
}

async function lookUpwards(start: string, ui?: Ui): Promise<string | null> {
  for (let directory = start; ; directory = dirname(directory)) {
    const path = join(directory, NAME);
    if (await exists(path)) return path;
    const wrong = join(directory, WRONG_NAME);
    if (ui !== undefined && (await exists(wrong))) ui.warn(`${wrong} is passed over: the name is ${NAME}`);
    if (dirname(directory) === directory) return null;
  }
}

async function readRules(path: string): Promise<RuleFile> {
  try {
    return parseRules(await readFile(path, "utf8"), path);
  } catch (thrown) {
    const code = systemCode(thrown);
    if (thrown instanceof SidecryptError || code === null) throw thrown;
    throw new SidecryptError("rules-invalid", `${path} cannot be read: ${code}`, `${basename(path)} is a file of YAML`);
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    (seen) => seen.isFile(),
    () => false,
  );
}
