/** A running stack, as the engine shows it → the view that the checks look at. Pure. */
import type { StackView, ViewedMount, ViewedService } from "../compose-model/view.ts";
import { COMPOSE_SERVICE } from "../docker/compose-labels.ts";
import { healthcheckOf } from "../docker/health.ts";
import type { Inspected } from "../docker/port.ts";
import { dependenciesOf } from "../plan/stack.ts";

/** @param containers - of one project, in every state; of several of a service the newest counts */
export function viewOfContainers(project: string, sidecar: string, containers: readonly Inspected[]): StackView {
  const newest = new Map(
    containers
      .toSorted((a, b) => (a.created < b.created ? -1 : 1))
      .map((one) => [one.labels[COMPOSE_SERVICE] ?? one.name, one]),
  );
  const viewed = [...newest].map(([service, container]) => viewContainer(service, container));
  const volumes = viewed.flatMap(({ mounts }) => mounts).filter(({ type }) => type === "volume");
  return {
    project,
    sidecar: viewed.find(({ service }) => service === sidecar) ?? null,
    services: viewed.filter(({ service }) => service !== sidecar).toSorted((a, b) => (a.service < b.service ? -1 : 1)),
    volumes: new Map(volumes.map(({ source }) => [source, { key: source, options: null, external: false }])),
  };
}

function viewContainer(service: string, container: Inspected): ViewedService {
  const { config, hostConfig, labels } = container;
  const environment = container.environment.map((entry): [string, string] => {
    const [name = ""] = entry.split("=", 1);
    return [name, entry.slice(name.length + 1)];
  });
  const grace = config["StopTimeout"];
  return {
    service,
    user: typeof config["User"] === "string" ? config["User"] : null,
    groups: textsOf(hostConfig["GroupAdd"]),
    dropsCapabilities: textsOf(hostConfig["CapDrop"]).some((one) => one.toUpperCase() === "ALL"),
    environmentNames: environment.map(([name]) => name),
    settings: Object.fromEntries(environment.filter(([name]) => /^SIDECRYPT_|^SOPS_.*_FILE$|^DOCKER_HOST$/.test(name))),
    labels,
    mounts: container.mounts.map((mount) => viewMount(container, mount)),
    injected: Object.keys(hostConfig["Tmpfs"] ?? {}).map((target) => {
      return { kind: "tmpfs", name: target, source: null, target };
    }),
    healthTest: healthcheckOf(container)?.Test ?? ["NONE"],
    restart: container.restartPolicy,
    stopGrace: typeof grace === "number" ? grace * 1000 : null,
    dependsOn: Object.fromEntries(dependenciesOf({ labels }).map((one) => [one.service, one.condition])),
  };
}

function viewMount(
  { hostConfig }: Inspected,
  { type, name, source, destination, writable }: Inspected["mounts"][number],
): ViewedMount {
  return {
    type,
    source: type === "volume" ? name : source,
    target: destination,
    writable,
    nocopy: isNocopy(hostConfig, destination),
  };
}

/** `VOLUME:PATH:ro,nocopy`, or a mount with its options: Compose writes either. */
function isNocopy(hostConfig: Inspected["hostConfig"], destination: string): boolean {
  const bind = textsOf(hostConfig["Binds"]).find((text) => text.split(":")[1] === destination);
  if (bind !== undefined) return (bind.split(":")[2] ?? "").split(",").includes("nocopy");
  const mounts = Array.isArray(hostConfig["Mounts"])
    ? (hostConfig["Mounts"] as Readonly<Record<string, unknown>>[])
    : [];
  const options = mounts.find((one) => one["Target"] === destination)?.["VolumeOptions"];
  return (options as { readonly NoCopy?: unknown } | undefined)?.NoCopy === true;
}

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
