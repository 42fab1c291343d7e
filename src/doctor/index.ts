/** A stack and what the machine says of it → what will not work, or is odd. Pure. */
import { finding, type Finding } from "../compose-model/finding.ts";
import type { StackView } from "../compose-model/view.ts";
import { consumerFindings } from "./consumers.ts";
import { dropFindings } from "./drops.ts";
import type { Facts } from "./facts.ts";
import { healthFindings } from "./health.ts";
import { reachFindings } from "./reach.ts";
import { sidecarFindings } from "./sidecar.ts";

export { NO_FACTS, type Facts, type PathFact, type Process } from "./facts.ts";

/**
 * Errors first; otherwise in the order in which a start would meet them.
 * @param leaks - what other checks of the same stack have found
 */
export function diagnose(view: StackView, facts: Facts, leaks: readonly Finding[] = []): Finding[] {
  const all = [
    ...leaks,
    ...facts.faults.map(({ code, subject, message, hint }): Finding => {
      return { severity: "error", check: code, subject, message, hint: hint ?? "see the error's code in the README" };
    }),
    ...sidecarFindings(view, facts),
    ...dropFindings(view, facts),
    ...consumerFindings(view, facts),
    ...reachFindings(view, facts),
    ...healthFindings(view),
    ...facts.unasked.map(({ subject, why }) =>
      finding(
        "warning",
        "not-looked-at",
        subject,
        `${subject} could not be looked at: ${why}`,
        "run it again where that can be asked",
      ),
    ),
  ];
  return sorted(withoutRepeats(all));
}

/** Two ways of seeing the same thing say it once. */
function withoutRepeats(findings: readonly Finding[]): Finding[] {
  const texts = findings.map(({ subject, message }) => `${subject}: ${message}`);
  return findings.filter((_, index) => texts.indexOf(texts[index] ?? "") === index);
}

function sorted(findings: readonly Finding[]): Finding[] {
  const rank = ({ severity }: Finding): number => (severity === "error" ? 0 : 1);
  return findings.toSorted((a, b) => rank(a) - rank(b));
}
