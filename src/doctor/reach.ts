/** Who else in the stack has the engine: whoever has it, has every drop, and the key. Pure. */
import { finding, type Finding } from "../compose-model/finding.ts";
import type { StackView, ViewedMount, ViewedService } from "../compose-model/view.ts";
import { DOCKER_ROOT, hostPath, isBroad, isEngineSocket, leadsTo, sourcesIn } from "../verify/broad.ts";
import type { Facts } from "./facts.ts";
import { engineOf, SOCKET } from "./socket.ts";

export function reachFindings(view: StackView, facts: Facts): Finding[] {
  const engine = view.sidecar === null ? SOCKET : engineOf(view.sidecar);
  return view.services.flatMap((service) => {
    const found = service.mounts.filter((mount) => reaches(mount, service, view, facts, engine));
    if (found.length === 0) return [];
    const targets = found.map(({ target }) => target).join(", ");
    const message = `service ${service.service} reaches the engine, and with it every drop and the key, by its mount at ${targets}`;
    const hint = `take the mount at ${targets} out of volumes: of ${service.service}`;
    return [finding("warning", "engine-in-reach", service.service, message, hint)];
  });
}

/** Paths of the host that a mount shows: of a volume, as the file or the engine defines it. */
export function sourcesOf(
  { type, source }: ViewedMount,
  { volumes }: StackView,
  facts: Pick<Facts, "volumes">,
): string[] {
  if (type === "bind") return [source];
  return sourcesIn(facts.volumes.get(source) ?? volumes.get(source)?.options);
}

function reaches(
  mount: ViewedMount,
  { service }: ViewedService,
  view: StackView,
  facts: Facts,
  engine: string,
): boolean {
  if (facts.sockets.get(service)?.includes(mount.target) === true) return true;
  return sourcesOf(mount, view, facts).some(
    (source) =>
      isEngineSocket(source) ||
      hostPath(source) === hostPath(engine) ||
      isBroad(source, DOCKER_ROOT) ||
      leadsTo(source, engine),
  );
}
