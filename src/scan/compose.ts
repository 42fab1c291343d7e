/** A rendered Compose model: what would leak before anything is started. Pure. */
import { composeFindings, type ComposeModel, type Finding as Exposure } from "../compose-model/index.ts";
import type { Searcher } from "../search/index.ts";
import type { Finding, Scope } from "./types.ts";

/** @param names - of the bundle, where they are known */
export function scanModel(model: ComposeModel, file: string, searcher: Searcher, names: readonly string[]): Scope {
  const exposures = composeFindings(model, names);
  const of = (severity: Exposure["severity"]): Finding[] =>
    exposures.filter((one) => one.severity === severity).map((one) => exposed(one, file));
  const values = searcher
    .searchJson(model)
    .map(({ name, form, path }): Finding => ({ name, form, place: `${file}: ${path}`, lines: [], count: 1 }));
  return {
    name: "compose",
    checked: Object.keys(model.services).length,
    bytes: 0,
    findings: [...values, ...of("error")],
    warnings: of("warning"),
    allowed: [],
    notChecked: [],
  };
}

function exposed({ check, message, hint }: Exposure, file: string): Finding {
  return { name: check, form: message, place: file, lines: [], count: 1, hint };
}
