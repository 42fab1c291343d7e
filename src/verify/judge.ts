/** What was seen → what it means: a leak, or what a consumer has declared. Pure. */
import { shapeOf } from "../search/index.ts";
import type { Sighting } from "./sightings.ts";
import type { Finding, Rule } from "./types.ts";

/** A consumer's container whose label `sidecrypt.env: allowed` declares its process environment. */
export interface Declared {
  readonly service: string;
  /** Names in the bundle that its service asks for. */
  readonly secrets: ReadonlySet<string>;
}

const WHERE: Readonly<Partial<Record<Rule, string>>> = {
  "value-in-inspect": "stands in docker inspect",
  "value-in-list": "stands in docker ps",
  "value-in-image": "stands in the image",
  "value-in-volume": "stands in docker volume inspect",
  "value-in-network": "stands in docker network inspect",
  "value-in-event": "stands in docker events",
  "value-in-exec": "stands in an exec instance",
  "value-in-arguments": "stands in a process's arguments",
  "value-in-process-environment": "stands in a process's environment",
  "value-in-log": "stands in the log",
  "value-in-file": "stands in a file outside of the drops",
};

const HINTS: Readonly<Partial<Record<Rule, string>>> = {
  "value-in-inspect": "take it out of the compose file, let the service read /run/secrets, and rotate it",
  "value-in-image": "build without it (no ARG, no ENV, no COPY), and rotate it",
  "value-in-event": "an exec or a health check has it in its command line: read it from its file there, and rotate it",
  "value-in-arguments": "pass the path of its file instead, and rotate it",
  "value-in-process-environment":
    'let the service read its file; where its image can only read variables, say so: sidecrypt.env: "allowed"',
  "value-in-log": "mend what prints it, remove the container with its log, and rotate it",
  "value-in-file": "mend what writes it (Compose's own secrets and configs among that), and rotate it",
};

/** The identity that opens every bundle: wherever it stands, that is a leak. */
const IDENTITY = /age/i;

/** @param declared by container id */
export function judge(sightings: readonly Sighting[], declared: ReadonlyMap<string, Declared>): Finding[] {
  return sightings.map((one) => {
    const kind = shapeOf(one.name);
    return kind === null ? valueFinding(one, declared) : shapeFinding(one, kind);
  });
}

function valueFinding(seen: Sighting, declared: ReadonlyMap<string, Declared>): Finding {
  const { rule, subject, name, place, form } = seen;
  const allowed = rule === "value-in-process-environment" ? declared.get(seen.container ?? "") : undefined;
  // Its own values: one that was never its to have is a leak there too.
  if (allowed?.secrets.has(name) === true) {
    const message = `${name} ${WHERE[rule] ?? ""}, as service ${allowed.service} declares`;
    return { rule, severity: "declared", subject, secret: name, place, form, message, hint: undefined };
  }
  const message = `${name} ${WHERE[rule] ?? "is in sight"}`;
  return { rule, severity: "leak", subject, secret: name, place, form, message, hint: HINTS[rule] };
}

function shapeFinding({ rule, subject, place, form }: Sighting, kind: string): Finding {
  const where = WHERE[rule] ?? "is in sight";
  if (IDENTITY.test(kind)) {
    const hint = "make a new one (sidecrypt keygen), encrypt for it, and rotate every secret";
    const message = `an age identity ${where}: it opens every bundle`;
    return { rule: "key-in-sight", severity: "leak", subject, secret: null, place, form, message, hint };
  }
  const message = `what looks like a key (${kind}) ${where}; it is not in the bundle`;
  const hint = "if it is one, put it into the bundle and read it from its file";
  return { rule: "looks-like-a-key", severity: "warning", subject, secret: null, place, form, message, hint };
}
