/** The sidecar finds out which container it is, so that it never touches itself (H45), and which volumes are drops. */
import type { Drop } from "../deliver/index.ts";
import { COMPOSE_PROJECT, COMPOSE_SERVICE } from "../docker/compose-labels.ts";
import type { DockerPort, Inspected } from "../docker/port.ts";
import { SidecryptError } from "../errors.ts";

export interface Self {
  readonly id: string;
  readonly project: string;
  readonly service: string;
  /** Volumes that it mounts writable, its state left out: the candidates for drops. */
  readonly drops: readonly Drop[];
}

export interface SelfSources {
  /** Text of /proc/self/mountinfo. */
  readonly mountinfo: string;
  readonly hostname: string;
  readonly stateDir: string;
}

/** @throws SidecryptError `self-unknown` */
export async function findSelf(docker: DockerPort, sources: SelfSources): Promise<Self> {
  for (const id of ownIds(sources)) {
    const found = await docker.inspect(id);
    if (found !== null) return describe(found, sources.stateDir);
  }
  throw new SidecryptError(
    "self-unknown",
    "the engine does not know the container that this runs in",
    "run sidecrypt as a service of the Compose project that it serves, with that engine's socket",
  );
}

/** Docker binds /etc/hostname and its kin from a directory that is named after the container. */
export function ownIds({ mountinfo, hostname }: Pick<SelfSources, "mountinfo" | "hostname">): string[] {
  const mounted = [...mountinfo.matchAll(/\/containers\/([0-9a-f]{64})\/(?:hostname|hosts|resolv\.conf)\b/g)];
  const ids = mounted.map((match) => match[1] ?? "");
  return [...new Set([...ids, ...(/^[0-9a-f]{12}$/.test(hostname) ? [hostname] : [])])];
}

function describe(container: Inspected, stateDir: string): Self {
  const project = container.labels[COMPOSE_PROJECT];
  const service = container.labels[COMPOSE_SERVICE];
  if (project === undefined || service === undefined) {
    throw new SidecryptError(
      "self-unknown",
      `container ${container.name} is not a Compose service`,
      "start the sidecar with docker compose, in the project whose services it serves",
    );
  }
  const drops = container.mounts
    .filter((mount) => mount.type === "volume" && mount.writable && mount.destination !== stateDir)
    .map((mount) => ({ volume: mount.name, path: mount.destination }));
  return { id: container.id, project, service, drops };
}
