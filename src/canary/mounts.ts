/** What a canary's services mount: what they only read, but nothing through which they would reach what is real. Pure. */
import { bundleDirOf } from "../compose-model/exposure.ts";
import type { ComposeModel, ComposeService } from "../compose-model/index.ts";
import type { ComposeMount } from "../compose-model/model.ts";
import type { ViewedService } from "../compose-model/view.ts";
import { socketOf } from "../doctor/socket.ts";
import { DOCKER_ROOT, isBroad, leadsTo } from "../verify/broad.ts";
import type { Canary } from "./model.ts";

export const keyOf = ({ settings }: ViewedService): string => settings["SOPS_AGE_KEY_FILE"] ?? "/run/age.key";

/** Bundle and key are the canary's, the socket is the engine's, and what is a volume is one of this project. */
export function ownMounts({ volumes = [] }: ComposeService, sidecar: ViewedService, canary: Canary): ComposeMount[] {
  const bundle = bundleDirOf(sidecar);
  const key = keyOf(sidecar);
  const socket = socketOf(sidecar);
  const state = sidecar.settings["SIDECRYPT_STATE"] ?? "/state";
  const rest = volumes.filter(({ type, target }) => type !== "bind" && ![bundle, key, socket, state].includes(target));
  const engine = volumes.filter(({ target }) => target === socket);
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

/**
 * @param engine - path of its socket
 * @param made - source of a bind to the volume in its place, so that two services that share it still do
 */
export function mountsOf(
  { volumes = [] }: ComposeService,
  canary: Canary,
  engine: string,
  made: Map<string, string>,
): ComposeMount[] {
  return volumes.map((mount): ComposeMount => {
    const { type, source = "", target, read_only: readOnly } = mount;
    if (type !== "bind") return mount;
    const isSocket = source.endsWith(".sock") || canary.sockets.has(source);
    const isWide = isBroad(source, DOCKER_ROOT) || leadsTo(source, engine);
    if (readOnly === true && !canary.missing.has(source) && !isSocket && !isWide) return mount;
    if (isSocket || canary.files.has(source)) return { ...mount, source: canary.emptyFile };
    const key = made.get(source) ?? `canary-${made.size + 1}`;
    made.set(source, key);
    return { type: "volume", source: key, target, read_only: readOnly, volume: undefined };
  });
}

type Volume = ComposeModel["volumes"][string];

/** Open to every group: who reads an external drop stands in another project's file. */
const DROP: Volume = { driver_opts: { type: "tmpfs", device: "tmpfs", o: "size=1m,mode=2755,noexec,nosuid,nodev" } };

/** tmpfs stays tmpfs; a volume of another project, of another driver or of a path on the host becomes an empty one. */
export function emptyVolume(
  { name = "", driver_opts: options, external, driver }: Volume,
  drops: ReadonlySet<string>,
): Volume {
  if (external === true) return drops.has(name) ? DROP : {};
  const inMemory = options?.["type"] === "tmpfs" || options?.["type"] === "ramfs";
  return inMemory && (driver === undefined || driver === "local") ? { driver_opts: options } : {};
}
