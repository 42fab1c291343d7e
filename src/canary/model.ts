/**
 * The user's own Compose model → the same stack beside it, cut off from everything that is real. Pure. What is taken
 * away is told, since it is no longer what runs in production.
 */
import { bundleDirOf, dropNames } from "../compose-model/exposure.ts";
import type { ComposeModel, ComposeService } from "../compose-model/index.ts";
import type { ComposeMount } from "../compose-model/model.ts";
import { viewOf } from "../compose-model/view.ts";
import { SOCKET, withoutScheme } from "../doctor/socket.ts";
import { SidecryptError } from "../errors.ts";

export interface Canary {
  /** A name that nothing has. */
  readonly project: string;
  /** On the host: what stands in for the directory of the bundle, and for the key. */
  readonly bundleDir: string;
  readonly keyFile: string;
  /** An empty file, in place of writable binds of files. */
  readonly emptyFile: string;
  /** Sources of binds that are files, and that are not there. */
  readonly files: ReadonlySet<string>;
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
  const sidecar = viewOf(model).sidecar?.service;
  const own = sidecar === undefined ? undefined : model.services[sidecar];
  if (sidecar === undefined || own === undefined) {
    const hint = "add the service of compose/minimal/compose.yaml, or name the right file with --compose";
    throw new SidecryptError("config-invalid", "no service of the Compose file is a sidecrypt", hint);
  }
  /** Source of a bind to the volume in its place. */
  const volumes = new Map<string, string>();
  const drops = new Set(dropNames(viewOf(model)));
  const services = Object.entries(model.services).map(([name, service]) => {
    const cut = cutOff(service, sidecar);
    const mounts = name === sidecar ? ownMounts(model, canary) : mountsOf(service, canary, volumes);
    return { name, cut: { ...cut, volumes: mounts }, taken: takenFrom(name, service, mounts, name === sidecar) };
  });
  return {
    sidecar,
    model: {
      ...model,
      name: canary.project,
      services: Object.fromEntries(services.map(({ name, cut }) => [name, name === sidecar ? withoutTrust(cut) : cut])),
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
  };
}

/** `pid: service:bot1` stays in the stack. */
const isOfTheStack = (key: string, value: unknown): boolean =>
  (key === "pid" || key === "ipc") && typeof value === "string" && value.startsWith("service:");

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

function withoutTrust(service: ComposeService): ComposeService {
  const kept = Object.entries(service.environment ?? {}).filter(([name]) => !OF_THE_REAL_ONE.includes(name));
  return { ...service, environment: Object.fromEntries(kept) };
}

// ---------------------------------------------------------------- mounts

/** Bundle and key are the canary's, the socket is the engine's, and what is a volume is one of this project. */
function ownMounts(model: ComposeModel, canary: Canary): ComposeMount[] {
  const { sidecar } = viewOf(model);
  const service = sidecar === null ? undefined : model.services[sidecar.service];
  if (sidecar === null || service === undefined) return [];
  const bundle = bundleDirOf(sidecar);
  const key = sidecar.settings["SOPS_AGE_KEY_FILE"] ?? "/run/age.key";
  const socket = withoutScheme(sidecar.settings["DOCKER_HOST"]) ?? SOCKET;
  const state = sidecar.settings["SIDECRYPT_STATE"] ?? "/state";
  const rest = (service.volumes ?? []).filter(
    ({ type, target }) => type !== "bind" && ![bundle, key, socket, state].includes(target),
  );
  const engine = (service.volumes ?? []).filter(({ target }) => target === socket);
  const bind = (source: string, target: string): ComposeMount => ({
    type: "bind",
    source,
    target,
    read_only: true,
    volume: undefined,
  });
  const own: ComposeMount = { type: "volume", target: state, volume: {} };
  return [bind(canary.bundleDir, bundle), bind(canary.keyFile, key), ...engine, own, ...rest];
}

function mountsOf({ volumes = [] }: ComposeService, canary: Canary, made: Map<string, string>): ComposeMount[] {
  return volumes.flatMap((mount): ComposeMount[] => {
    const { type, source = "", target, read_only: readOnly } = mount;
    if (type !== "bind") return [mount];
    // The engine itself: whoever holds it could reach the real stack.
    if (/\/(?:docker|podman)\.sock$/.test(source)) return [];
    if (readOnly === true && !canary.missing.has(source)) return [mount];
    if (canary.files.has(source)) return [{ ...mount, source: canary.emptyFile }];
    // By its source, so that two services that share it still do.
    const key = made.get(source) ?? `canary-${made.size + 1}`;
    made.set(source, key);
    return [{ type: "volume", source: key, target, read_only: readOnly, volume: undefined }];
  });
}

type Volume = ComposeModel["volumes"][string];

/** Open to every group: who reads an external drop stands in another project's file. */
const DROP: Volume = { driver_opts: { type: "tmpfs", device: "tmpfs", o: "size=1m,mode=2755,noexec,nosuid,nodev" } };

/** tmpfs stays tmpfs; a volume of another project, of another driver or of a path on the host becomes an empty one. */
function emptyVolume(
  { name = "", driver_opts: options, external, driver }: Volume,
  drops: ReadonlySet<string>,
): Volume {
  if (external === true) return drops.has(name) ? DROP : {};
  const inMemory = options?.["type"] === "tmpfs" || options?.["type"] === "ramfs";
  return inMemory && (driver === undefined || driver === "local") ? { driver_opts: options } : {};
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
  return [...gone, ...network, ...replaced].map((what) => `${name}: ${what}`);
}
