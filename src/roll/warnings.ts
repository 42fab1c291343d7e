/** What a replacement changes or loses although the copy is faithful: said before it, by `plan` and by the log. */
import type { DockerPort, Image, Inspected } from "../docker/port.ts";
import { asRecord, asRecords, isEmpty } from "./json.ts";
import { readLayer } from "./layer.ts";
import { splitSysctls } from "./networks.ts";

/** Paths that a message names; the count stands beside them. */
export const SHOWN = 10;
export const LOST_HINT = "put them on a volume, or set the label sidecrypt.on-change: restart";

/** One line each. */
export async function lossesOf(docker: DockerPort, container: Inspected): Promise<string[]> {
  const reference = container.config["Image"];
  const [layer, tagged] = await Promise.all([
    readLayer(docker, container),
    typeof reference === "string" ? docker.image(reference) : null,
  ]);
  const { lost } = layer;
  const more = lost.length > SHOWN ? ` and ${lost.length - SHOWN} more` : "";
  const named = `${container.name} has files that only its own layer holds: ${lost.slice(0, SHOWN).join(", ")}${more}`;
  return [
    ...(lost.length === 0 ? [] : [`${named}. A replacement loses them: ${LOST_HINT}`]),
    ...copyWarnings(container, tagged, docker.apiVersion),
  ];
}

/** @param tagged what `config.Image` names today */
export function copyWarnings(old: Inspected, tagged: Image | null, apiVersion: string): string[] {
  const reference = String(old.config["Image"]);
  const ports = ephemeralPorts(old);
  const moved = Object.keys(splitSysctls(old.hostConfig, apiVersion).first);
  return [
    ...(tagged?.id === old.image
      ? []
      : [
          `${old.name}: ${reference} names ${tagged === null ? "no" : "another"} image by now, so the copy names its own by id`,
        ]),
    ...(ports.length === 0 ? [] : [`${old.name}: the engine chooses new ports on the host for ${ports.join(", ")}`]),
    // Nor could it after a restart of the engine: it was made by an older one (H25).
    ...(moved.length === 0
      ? []
      : [
          `${old.name}: this engine sets ${moved.join(", ")} by the network alone. The copy has it there, but the old container could not be started again: docker compose up -d --force-recreate makes one that can`,
        ]),
  ];
}

/** Without a port on the host, or with a range of them (H13). */
function ephemeralPorts(old: Inspected): string[] {
  if (old.hostConfig["PublishAllPorts"] === true) return Object.keys(asRecord(old.config["ExposedPorts"]));
  return Object.entries(asRecord(old.hostConfig["PortBindings"])).flatMap(([port, bindings]) => {
    const isChosen = (binding: object): boolean =>
      /^[1-9]\d*$/.test(String((binding as { HostPort?: unknown }).HostPort));
    return isEmpty(bindings) || !asRecords(bindings).every(isChosen) ? [port] : [];
  });
}
