/** A report as SARIF 2.1.0, which code scanning takes. Pure. */
import { createHash } from "node:crypto";
import type { Finding, Gap, Rule, Severity, VerifyReport } from "./types.ts";

const LEVELS: Readonly<Record<Severity, "error" | "warning" | "note">> = {
  leak: "error",
  misconfigured: "error",
  warning: "warning",
  declared: "note",
};

const RULES: Readonly<Record<Rule, string>> = {
  "value-in-inspect": "A secret in the configuration or state of a container",
  "value-in-list": "A secret in the list of containers",
  "value-in-image": "A secret in an image's configuration or history",
  "value-in-volume": "A secret in a volume's labels or options",
  "value-in-network": "A secret in a network's labels or options",
  "value-in-event": "A secret in the engine's events",
  "value-in-exec": "A secret in an exec instance",
  "value-in-arguments": "A secret in the arguments of a process",
  "value-in-process-environment": "A secret in the environment of a process",
  "value-in-log": "A secret in a log",
  "value-in-file": "A secret in a file outside of the drops",
  "key-in-sight": "An age identity in sight",
  "looks-like-a-key": "Something of the shape of a key",
  "weak-value": "A secret that is too weak to be searched for",
  drop: "A drop that is not what it should be",
  consumer: "A consumer that is refused, or worth a look",
  "not-current": "A consumer without what the bundle has for it",
  sidecar: "A sidecar that is less confined than it could be",
  reach: "A container that can read every drop",
  engine: "An engine with a known weakness",
  host: "A host that can write memory to a disk",
};

/** Results need a file that the repository has; what is wrong is on a host. */
const ARTIFACT = "compose.yaml";

export function toSarif({ version, project, verdict, findings, gaps }: VerifyReport): unknown {
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "sidecrypt verify",
            semanticVersion: version,
            rules: Object.entries(RULES).map(([id, text]) => ({ id, shortDescription: { text } })),
          },
        },
        automationDetails: { id: `sidecrypt-verify/${project}/` },
        invocations: [
          {
            executionSuccessful: verdict !== "incomplete",
            toolExecutionNotifications: gaps.map(notification),
          },
        ],
        results: findings.map(result),
      },
    ],
  };
}

function result(found: Finding): unknown {
  const { rule, severity, subject, secret, place, form, message, hint } = found;
  const where = place === "" ? subject : `${subject}: ${place}`;
  return {
    ruleId: rule,
    level: LEVELS[severity],
    message: { text: `${where}: ${message}${hint === undefined ? "" : `. ${hint}`}` },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: ARTIFACT } },
        logicalLocations: [{ fullyQualifiedName: where }],
      },
    ],
    // Of names and places, so that the same leak is the same alert in the next run.
    partialFingerprints: { "place/v1": fingerprint([rule, subject, secret ?? "", place, form ?? ""]) },
  };
}

const notification = ({ subject, what, why }: Gap): unknown => ({
  level: "error",
  message: { text: `not looked at: ${subject}: ${what}: ${why}` },
});

const fingerprint = (parts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
