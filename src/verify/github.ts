/** A report as workflow commands, which show beside a run of GitHub Actions. Pure. */
import type { Finding, Severity, VerifyReport } from "./types.ts";

const COMMANDS: Readonly<Record<Severity, "error" | "warning" | "notice">> = {
  leak: "error",
  misconfigured: "error",
  warning: "warning",
  declared: "notice",
};

export function toGithub({ project, verdict, findings, gaps, unchecked }: VerifyReport): string {
  const incomplete = gaps.map(({ subject, what, why }) =>
    command("error", "not looked at", `${subject}: ${what}: ${why}`),
  );
  const unsearched = unchecked.map(({ name, why }) => command("notice", "not searched for", `${name}: ${why}`));
  const last = command(verdict === "clean" ? "notice" : "error", "sidecrypt verify", `${project}: ${verdict}`);
  return [...findings.map(ofFinding), ...incomplete, ...unsearched, last].join("\n");
}

function ofFinding({ severity, rule, subject, place, message, hint }: Finding): string {
  const where = place === "" ? subject : `${subject}: ${place}`;
  return command(COMMANDS[severity], rule, `${where}: ${message}${hint === undefined ? "" : `\nhint: ${hint}`}`);
}

/** As the runner reads it: what stands in a property may hold neither a colon nor a comma. */
function command(name: string, title: string, message: string): string {
  const data = (text: string): string => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  return `::${name} title=${data(title).replaceAll(":", "%3A").replaceAll(",", "%2C")}::${data(message)}`;
}
