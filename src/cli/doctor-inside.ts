/** In the sidecar's container: what the engine, the mounts and the kernel show. Asks, and changes nothing. */
import { readFile } from "node:fs/promises";
import { hostname, release } from "node:os";
import { exposureFindings } from "../compose-model/exposure.ts";
import type { Finding } from "../compose-model/index.ts";
import { parseConfig, type Config } from "../config.ts";
import { observe } from "../daemon/observe.ts";
import { findSelf } from "../daemon/self.ts";
import { COMPOSE_ONEOFF, COMPOSE_PROJECT, COMPOSE_SERVICE } from "../docker/compose-labels.ts";
import type { DockerPort, Inspected } from "../docker/port.ts";
import { diagnose, NO_FACTS, type Facts } from "../doctor/index.ts";
import { viewOfContainers } from "./doctor-running.ts";
import { faultOf } from "../fault.ts";
import { loadIdentities } from "../keys.ts";
import { mountAt, parseMountinfo } from "../mountinfo.ts";
import type { Fault } from "../types.ts";
import { DOCKER_ROOT } from "../verify/broad.ts";
import { lookForSockets } from "../verify/sockets.ts";
import { hasSwap, namesIn } from "./doctor-host.ts";
import type { Io } from "./io.ts";

const MOUNTINFO = "/proc/self/mountinfo";

/** Bundle, key or state are mounts only in the sidecar's container. Asked of settings that may well be wrong. */
export async function isInside({ env }: Io): Promise<boolean> {
  const mounts = parseMountinfo(await readFile(MOUNTINFO, "utf8").catch(() => ""));
  const places = [env["SIDECRYPT_BUNDLE_DIR"] ?? "/bundle", env["SOPS_AGE_KEY_FILE"] ?? "/run/age.key", "/state"];
  return places.some((path) => mountAt(mounts, path) !== null);
}

export async function lookInside(io: Io): Promise<Finding[]> {
  const config = parseConfig(io.env);
  const { names, faults } = await bundleAndKey(config);
  const facts: Facts = { ...NO_FACTS, names, faults, kernel: release(), swap: await hasSwap() };
  try {
    const { docker } = await io.openEngine(config);
    return await lookAtStack(docker, config, facts);
  } catch (thrown) {
    const fault = faultOf(thrown, config.dockerSocket);
    return [...faults, fault].map(({ code, subject, message, hint = "docker compose logs secrets" }) => {
      return { severity: "error", check: code, subject, message, hint };
    });
  }
}

async function lookAtStack(docker: DockerPort, config: Config, facts: Facts): Promise<Finding[]> {
  const mountinfo = await readFile(MOUNTINFO, "utf8");
  const self = await findSelf(docker, { mountinfo, hostname: hostname(), stateDir: config.stateDir });
  const rows = (await docker.list()).filter(
    ({ labels }) => labels[COMPOSE_PROJECT] === self.project && labels[COMPOSE_ONEOFF] !== "True",
  );
  const inspected = await Promise.all(rows.map(({ id }) => docker.inspect(id)));
  const containers = inspected.filter((one) => one !== null);
  const view = viewOfContainers(self.project, self.service, containers);
  const names = [...view.volumes.keys()];
  const options = await Promise.all(
    names.map(async (name) => [name, (await docker.volumeOptions(name)) ?? {}] as const),
  );
  const { drops } = await observe(docker, self, new Map());
  const { sockets, unasked } = await socketsOf(docker, self.id, containers);
  const found = {
    ...facts,
    volumes: new Map(options),
    sockets,
    unasked: [...facts.unasked, ...unasked],
    faults: [...facts.faults, ...drops.flatMap(({ fault }) => fault ?? [])],
  };
  // What Docker keeps of a volume is asked here; the definition in the file is not to be seen.
  const exposed = exposureFindings(view).filter(({ check }) => check !== "volume-not-memory");
  return diagnose(view, found, exposed);
}

/** What `verify` sees of them, by service. */
async function socketsOf(
  docker: DockerPort,
  sidecar: string,
  containers: readonly Inspected[],
): Promise<Pick<Facts, "sockets" | "unasked">> {
  const unasked: { subject: string; why: string }[] = [];
  const say = (subject: string, what: string, why: string): void =>
    void unasked.push({ subject, why: `${what}: ${why}` });
  const ours = containers.filter(({ id }) => id !== sidecar);
  const own = containers.find(({ id }) => id === sidecar) ?? null;
  const look = { docker, dockerRoot: DOCKER_ROOT, into: { gap: say, limit: say } };
  const { seen } = await lookForSockets(look, own, { ours, others: [] });
  const found = ours.map(({ id, name, labels }) => [labels[COMPOSE_SERVICE] ?? name, seen.get(id) ?? []] as const);
  return { sockets: new Map(found), unasked };
}

async function bundleAndKey(
  config: Config,
): Promise<{ readonly names: readonly string[] | null; readonly faults: readonly Fault[] }> {
  const key = await loadIdentities(config).then(
    () => null,
    (thrown: unknown) => faultOf(thrown, config.keyFile),
  );
  const faults = key === null ? [] : [key];
  try {
    return { names: await namesIn(config.bundleDir, config.bundles), faults };
  } catch (thrown) {
    return { names: null, faults: [...faults, faultOf(thrown, config.bundleDir)] };
  }
}
