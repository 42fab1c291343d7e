/**
 * The user's own Compose model → the same stack beside it, cut off from everything that is real. Pure. What is taken
 * away is told, since it is no longer what runs in production.
 */
import { dropNames } from "../compose-model/exposure.ts";
import type { ComposeModel, ComposeService } from "../compose-model/index.ts";
import type { ComposeMount } from "../compose-model/model.ts";
import { secretPath, viewOf, type ViewedService } from "../compose-model/view.ts";
import { SidecryptError } from "../errors.ts";
import { emptyVolume, engineOf, keyOf, mountsOf, ownMounts } from "./mounts.ts";

export interface Canary {
  /** A name that nothing has. */
  readonly project: string;
  /** On the host: what stands in for the directory of the bundle, and for the key. */
  readonly bundleDir: string;
  readonly keyFile: string;
  /** An empty file, in place of writable binds of files and of sockets. */
  readonly emptyFile: string;
  /** Sources of binds that are files, that are sockets, and that are not there. */
  readonly files: ReadonlySet<string>;
  readonly sockets: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
}

export interface Rewritten {
  readonly model: ComposeModel;
  readonly sidecar: string;
  /** `bot1: its published ports`. */
  readonly taken: readonly string[];
}

/** Of the real bundle: who signed it, for whom it is and how its key is kept say nothing of a canary's. */
const OF_THE_REAL_ONE = [
  "SIDECRYPT_ALLOWED_SIGNERS",
  "SIDECRYPT_RECIPIENTS",
  "SIDECRYPT_RULE",
  "SIDECRYPT_ALLOW_OLDER",
  "SIDECRYPT_PASSPHRASE_FILE",
  "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
];

/** @throws SidecryptError `config-invalid` where there is no sidecar */
export function rewriteModel(model: ComposeModel, canary: Canary): Rewritten {
  const view = viewOf(model);
  const { sidecar: viewed } = view;
  const own = viewed === null ? undefined : model.services[viewed.service];
  if (viewed === null || own === undefined) {
    const hint = "add the service of compose/minimal/compose.yaml, or name the right file with --compose";
    throw new SidecryptError("config-invalid", "no service of the Compose file is a sidecrypt", hint);
  }
  const sidecar = viewed.service;
  /** Source of a bind to the volume in its place. */
  const volumes = new Map<string, string>();
  const drops = new Set(dropNames(view));
  const engine = engineOf(viewed);
  const services = Object.entries(model.services).map(([name, service]) => {
    const cut = cutOff(service, sidecar);
    const isSidecar = name === sidecar;
    const mounts = isSidecar ? ownMounts(own, viewed, canary) : mountsOf(service, canary, engine, volumes);
    const rest = isSidecar ? withoutTrust(cut, viewed) : cut;
    return { name, cut: { ...rest, volumes: mounts }, taken: takenFrom(name, service, mounts, isSidecar) };
  });
  return {
    sidecar,
    model: {
      ...model,
      name: canary.project,
      services: Object.fromEntries(services.map(({ name, cut }) => [name, cut])),
      volumes: Object.fromEntries([
        ...Object.entries(model.volumes).map(([key, volume]) => [key, emptyVolume(volume, drops)] as const),
        ...[...volumes.values()].map((key) => [key, {}] as const),
      ]),
      networks: Object.fromEntries(
        // A service that left the host's network is in `default`.
        [...new Set(["default", ...Object.keys(model.networks)])].map((key) => [key, { internal: true }]),
      ),
    },
    taken: services.flatMap(({ taken }) => taken),
  };
}

// ---------------------------------------------------------------- services

/** On the host's side, or outside of it: nothing of that is for a canary. */
const REACH = [
  "container_name",
  "ports",
  "logging",
  "devices",
  "privileged",
  "pid",
  "ipc",
  "cgroup_parent",
  "external_links",
  "mac_address",
  "gpus",
  "use_api_socket",
  "volumes_from",
];
const OWN_NETWORKS = /^(?:none|service:.+)$/;

function cutOff(service: ComposeService, sidecar: string): ComposeService {
  const kept = Object.entries(service).filter(([key, value]) => !REACH.includes(key) || isOfTheStack(key, value));
  const mode = service.network_mode;
  const networks = service["networks"] as Readonly<Record<string, unknown>> | null | undefined;
  return {
    ...(Object.fromEntries(kept) as ComposeService),
    network_mode: mode !== undefined && OWN_NETWORKS.test(mode) ? mode : undefined,
    // Addresses are the real project's; aliases are names within the stack.
    ...(networks === null || networks === undefined
      ? {}
      : { networks: Object.fromEntries(Object.entries(networks).map(([key, one]) => [key, aliases(one)])) }),
    depends_on: dependencies(service, sidecar),
    ...(reservesDevices(service) ? { deploy: withoutDevices(deployOf(service)) } : {}),
  };
}

/** `pid: service:bot1` stays in the stack, and so does the `ipc: shareable` of the bot1 that it needs. */
function isOfTheStack(key: string, value: unknown): boolean {
  if (key === "volumes_from") return Array.isArray(value) && !value.map(String).some(isContainer);
  if (key === "ipc" && (value === "shareable" || value === "private" || value === "none")) return true;
  return (key === "pid" || key === "ipc") && typeof value === "string" && value.startsWith("service:");
}

const isContainer = (source: string): boolean => source.startsWith("container:");

interface Deploy {
  readonly resources?: { readonly reservations?: { readonly devices?: unknown } };
}

const deployOf = (service: ComposeService): Deploy => service["deploy"] ?? {};
const reservesDevices = (service: ComposeService): boolean =>
  deployOf(service).resources?.reservations?.devices !== undefined;

/** Compose starts nothing without what is reserved, and a machine of CI has no GPU. */
function withoutDevices({ resources, ...deploy }: Deploy): unknown {
  return { ...deploy, resources: { ...resources, reservations: { ...resources?.reservations, devices: undefined } } };
}

function aliases(endpoint: unknown): unknown {
  const found = (endpoint as { readonly aliases?: unknown } | null)?.aliases;
  return found === undefined ? null : { aliases: found };
}

/** A bot that no canary logs in anywhere may be unhealthy for ever: only the sidecar is waited for. */
function dependencies({ depends_on }: ComposeService, sidecar: string): ComposeService["depends_on"] {
  if (depends_on === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(depends_on).map(([name, one]) => [
      name,
      name === sidecar ? one : { ...one, condition: "service_started" },
    ]),
  );
}

/** Its key is a bind of the canary's: a secret of Compose at the same path would be a second mount there. */
function withoutTrust(service: ComposeService, viewed: ViewedService): ComposeService {
  const kept = Object.entries(service.environment ?? {}).filter(([name]) => !OF_THE_REAL_ONE.includes(name));
  const secrets = service.secrets?.filter((one) => secretPath(one) !== keyOf(viewed));
  return { ...service, environment: Object.fromEntries(kept), secrets };
}

// ---------------------------------------------------------------- what is told

function takenFrom(
  name: string,
  service: ComposeService,
  mounts: readonly ComposeMount[],
  isSidecar: boolean,
): string[] {
  const gone = REACH.filter((key) => {
    const value = service[key];
    return value !== undefined && value !== null && value !== false && !isOfTheStack(key, value);
  });
  const mode = service.network_mode;
  const before = isSidecar ? [] : (service.volumes ?? []).filter(({ type }) => type === "bind");
  const replaced = before.filter((mount) => !mounts.includes(mount)).map(({ target }) => `the bind at ${target}`);
  const network = mode !== undefined && !OWN_NETWORKS.test(mode) ? [`network_mode ${mode}`] : [];
  const devices = reservesDevices(service) ? ["the devices that it reserves"] : [];
  return [...gone, ...network, ...devices, ...replaced].map((what) => `${name}: ${what}`);
}
