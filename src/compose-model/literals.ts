/** Values that stand in a Compose model itself: the engine shows them before anything is read from a drop. Pure. */
import { parseConsumer } from "../plan/labels.ts";
import { selects } from "../plan/select.ts";
import { finding, type Check, type Finding } from "./finding.ts";
import { unescaped, type ComposeModel, type ComposeService } from "./model.ts";
import { isHarmless, nameLikeness, secretOption, shapeOf } from "./secret-like.ts";
import { sidecarOf, texts } from "./view.ts";

/** @param names - of the bundle, which need no key to be read; empty: not known */
export function literalFindings(model: ComposeModel, names: readonly string[]): Finding[] {
  const isSecret = secretNames(model, names);
  const sidecar = sidecarOf(model);
  return [
    ...Object.entries(model.services).flatMap(([service, definition]) => [
      ...environmentOf(service, definition, isSecret, service === sidecar),
      ...argsOf(service, definition, isSecret),
      ...labelsOf(service, definition),
      ...commandsOf(service, definition),
    ]),
    ...injections(model),
  ];
}

/** What consumers ask for by name, globs left out: `*` would make every variable a secret. */
function secretNames({ services }: ComposeModel, names: readonly string[]): (name: string) => boolean {
  const asked = Object.entries(services).flatMap(([service, { labels }]) => {
    const consumer = parseConsumer(service, texts(labels));
    return consumer === null || "fault" in consumer ? [] : [consumer.patterns];
  });
  const literal = new Set(
    asked.flatMap((patterns) =>
      patterns.filter(({ text, exclude }) => !exclude && !text.includes("*")).map(({ text }) => text),
    ),
  );
  const known = new Set(names);
  const globs = asked.filter((patterns) => patterns.some(({ text }) => /^[^*]{2,}/.test(text)));
  return (name) =>
    known.has(name) || literal.has(name) || (names.length === 0 && globs.some((one) => selects(one, name)));
}

function environmentOf(
  service: string,
  { environment }: ComposeService,
  isSecret: (name: string) => boolean,
  isSidecar: boolean,
): Finding[] {
  return Object.entries(texts(environment)).flatMap(([name, raw]): Finding[] => {
    const value = unescaped(raw);
    const hint = `take ${name} out of environment and env_file of ${service}, and into the bundle`;
    if (name === "SOPS_AGE_KEY" || shapeOf(value) === "an age key") {
      const message = `service ${service} has an age key in its environment (${name}): it opens every bundle`;
      return [
        finding("error", "key-in-environment", service, message, "mount it as a file: ./age.key:/run/age.key:ro"),
      ];
    }
    if (isSidecar || isHarmless(value)) return [];
    return valued("value-in-environment", service, `environment ${name}`, gradeOf(name, value, isSecret), hint);
  });
}

function argsOf(service: string, { build }: ComposeService, isSecret: (name: string) => boolean): Finding[] {
  return Object.entries(texts(build?.args)).flatMap(([name, raw]) => {
    const value = unescaped(raw);
    const hint = `give it to the build alone: build: { secrets: [${name.toLowerCase()}] }`;
    if (isHarmless(value)) return [];
    return valued("value-in-build-args", service, `build argument ${name}`, gradeOf(name, value, isSecret), hint);
  });
}

function labelsOf(service: string, { labels }: ComposeService): Finding[] {
  return Object.entries(texts(labels)).flatMap(([name, raw]) => {
    if (name.startsWith("sidecrypt.")) return shaped(service, `label ${name}`, "value-in-label", unescaped(raw));
    const value = unescaped(raw);
    const hint = `take label ${name} out of ${service}`;
    if (isHarmless(value)) return [];
    return valued(
      "value-in-label",
      service,
      `label ${name}`,
      gradeOf(name, value, () => false),
      hint,
    );
  });
}

function commandsOf(service: string, { command, entrypoint, healthcheck }: ComposeService): Finding[] {
  const places = [
    ["command", command],
    ["entrypoint", entrypoint],
    ["healthcheck", healthcheck?.test],
  ] as const;
  return places.flatMap(([place, raw]): Finding[] => {
    const words = (raw ?? []).map(unescaped);
    const option = secretOption(words);
    if (option === null) return shaped(service, place, "value-in-command", words.join(" "));
    return valued("value-in-command", service, `${place}: ${option}`, "error", IN_COMMAND);
  });
}

const IN_COMMAND = "let the process read the file: /run/secrets/NAME";

function shaped(service: string, place: string, check: Check, text: string): Finding[] {
  const shape = shapeOf(text);
  return shape === null
    ? []
    : [finding("error", check, service, `service ${service}: ${place} holds ${shape}`, IN_COMMAND)];
}

function valued(
  check: Check,
  service: string,
  place: string,
  severity: Finding["severity"] | null,
  hint: string,
): Finding[] {
  if (severity === null) return [];
  return [finding(severity, check, service, `service ${service}: ${place} holds a value`, hint)];
}

function gradeOf(name: string, value: string, isSecret: (name: string) => boolean): Finding["severity"] | null {
  if (isSecret(name) || shapeOf(value) !== null) return "error";
  const likeness = nameLikeness(name);
  return likeness === null ? null : likeness === "strong" ? "error" : "warning";
}

/** Those that Compose writes into the container's own layer (tmpfs-and-leaks.md §1.3). */
function injections({ secrets, configs }: ComposeModel): Finding[] {
  return [
    ...Object.entries(secrets).flatMap(([name, { environment }]) => {
      if (environment === undefined) return [];
      const message = `secret ${name} comes from the variable ${environment}: Compose copies it onto the container's disk`;
      return [finding("error", "secret-from-environment", name, message, `put ${environment} into the bundle instead`)];
    }),
    ...Object.entries(configs).flatMap(([name, { content, environment }]) => {
      if (content === undefined && environment === undefined) return [];
      const severity =
        environment !== undefined || shapeOf(unescaped(content ?? "")) !== null || secretLine(content ?? "");
      const message = `config ${name} has its content in the file: Compose copies it onto the container's disk`;
      const hint = "put what is secret in it into the bundle";
      return [finding(severity ? "error" : "warning", "config-with-content", name, message, hint)];
    }),
  ];
}

/** `password: x`, `API_KEY=x` on one of its lines. */
function secretLine(content: string): boolean {
  return content.split("\n").some((line) => {
    const [, name = "", value = ""] = /^\s*["']?([\w.-]+)["']?\s*[:=]\s*(.+?),?\s*$/.exec(unescaped(line)) ?? [];
    return nameLikeness(name) === "strong" && !isHarmless(value.replace(/^["']|["']$/g, ""));
  });
}
