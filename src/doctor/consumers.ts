/** The consumers: labels, names, pairing, environment, and what else lies at their /run/secrets. Pure. */
import { PASTE } from "../compose-model/exposure.ts";
import { finding, type Check, type Finding } from "../compose-model/finding.ts";
import { isConsumer, SECRETS, type StackView, type ViewedService } from "../compose-model/view.ts";
import { nearest } from "../near.ts";
import { listOf } from "../plan/faults.ts";
import { parseConsumer, type ConsumerLabels } from "../plan/labels.ts";
import { Names } from "../plan/names.ts";
import { selectNames, selects, sourcesOf } from "../plan/select.ts";
import type { Facts } from "./facts.ts";

export function consumerFindings(view: StackView, facts: Facts): Finding[] {
  return view.services
    .filter(isConsumer)
    .flatMap((service) => [
      ...labelled(service, (labels) => [...namesOf(service, labels, facts), ...shadows(service, labels, facts)]),
      ...pairing(view, service),
      ...beneath(service),
      ...waiting(view, service),
    ]);
}

function labelled(service: ViewedService, judge: (labels: ConsumerLabels) => Finding[]): Finding[] {
  const labels = parseConsumer(service.service, service.labels);
  if (labels === null) return [];
  if (!("fault" in labels)) return judge(labels);
  const { code, subject, message, hint = "see Labels in the README" } = labels.fault;
  return [{ severity: "error", check: code, subject, message, hint }];
}

function namesOf({ service }: ViewedService, { patterns }: ConsumerLabels, { names }: Facts): Finding[] {
  if (names === null) return [];
  return selectNames(patterns, new Names(names)).missing.map((text) => {
    const near = nearest(text, names);
    const message = `service ${service} asks for ${text}, which matches no name in the bundle`;
    const hint = near === null ? `sidecrypt set ${text}, or end it in ? where it is optional` : `did you mean ${near}?`;
    return finding("error", "secret-missing", service, message, hint);
  });
}

/** It would go on using the old value. Where no bundle says which names a glob means, it means what begins as it does. */
function shadows(service: ViewedService, { patterns, stripPrefix }: ConsumerLabels, { names }: Facts): Finding[] {
  const globs = patterns.filter(({ text, exclude }) => exclude || !text.startsWith("*"));
  const literals = patterns.filter(({ text, exclude }) => exclude || !text.includes("*"));
  const asked = (variable: string): string | undefined => {
    const sources = [variable, ...sourcesOf(variable, stripPrefix)];
    if (names !== null) return sources.find((name) => names.includes(name) && selects(patterns, name));
    return selects(globs, variable) ? variable : sources.find((name) => selects(literals, name));
  };
  return service.environmentNames.flatMap((variable) => {
    const name = asked(variable);
    if (name === undefined) return [];
    const message = `service ${service.service} sets ${variable} in its environment and asks for ${name}`;
    const hint = `take ${variable} out of environment and env_file of ${service.service}`;
    return [finding("error", "env-shadows-secret", service.service, message, hint)];
  });
}

function pairing({ sidecar, project }: StackView, { service, mounts }: ViewedService): Finding[] {
  if (sidecar === null) return [];
  const drop = mounts.find(({ target, type }) => target === SECRETS && type === "volume");
  const shared = mounts.filter(
    ({ source, type }) => type === "volume" && sidecar.mounts.some((one) => one.source === source),
  );
  const [key = `${service}-secrets`] = [drop ?? shared[0]].flatMap(
    (one) => one?.source.replace(`${project}_`, "") ?? [],
  );
  const lines = [
    "services:",
    `  ${sidecar.service}: { volumes: ["${key}:/drops/${service}"] }`,
    `  ${service}: { volumes: ["${key}:${SECRETS}:ro,nocopy"] }`,
    `volumes: { ${key}: { ${PASTE} } }`,
  ].join("\n");
  const say = (message: string): Finding[] => [
    finding("error", "drop-unpaired", service, `service ${service} ${message}`, lines),
  ];
  if (drop === undefined) {
    return shared.length === 0
      ? say(`mounts no volume of ${sidecar.service}'s at ${SECRETS}`)
      : say(`mounts ${key} at ${listOf(shared.map(({ target }) => target))}, not at ${SECRETS}`);
  }
  return shared.some(({ source }) => source === drop.source)
    ? []
    : say(`has ${key}, which ${sidecar.service} does not mount`);
}

/** Below a volume that is read-only nothing can be mounted: "read-only file system" at the start (operating.md). */
function beneath({ service, mounts, injected }: ViewedService): Finding[] {
  const drop = mounts.find(({ target, type }) => target === SECRETS && type === "volume");
  if (drop === undefined) return [];
  const under = [
    ...injected.map(({ kind, name, target }) => ({ what: `${kind} ${name}`, target })),
    ...mounts.filter((one) => one !== drop).map(({ type, source, target }) => ({ what: `${type} ${source}`, target })),
  ];
  return under
    .filter(({ target }) => target === SECRETS || target.startsWith(`${SECRETS}/`))
    .map(({ what, target }) => {
      const message = `service ${service} has ${what} at ${target}, below its read-only drop: it would not start`;
      const hint = what.startsWith("secret")
        ? `take it out of secrets: of ${service}, and into the bundle`
        : `mount it elsewhere than below ${SECRETS}`;
      return finding("error", "mount-in-secrets", service, message, hint);
    });
}

function waiting({ sidecar }: StackView, { service, dependsOn }: ViewedService): Finding[] {
  if (sidecar === null || dependsOn?.[sidecar.service] === "service_healthy" || dependsOn === null) return [];
  const check: Check = "not-waited-for";
  const message = `service ${service} does not wait for ${sidecar.service} to be healthy: it may start on an empty drop`;
  return [
    finding("warning", check, service, message, `depends_on: { ${sidecar.service}: { condition: service_healthy } }`),
  ];
}
