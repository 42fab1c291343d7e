/** Containers and an engine that shows them, with nothing else in it: what a test is about, it puts in. */
import type { Evidence } from "../../src/docker/evidence.ts";
import type { Json } from "../../src/docker/port.ts";
import { createSearcher, type Needle } from "../../src/search/index.ts";
import type { Look } from "../../src/verify/places.ts";
import { Sightings } from "../../src/verify/sightings.ts";

export const PROJECT = "stack";

export function container(service: string, more: Json = {}): Json {
  const labels = { "com.docker.compose.project": PROJECT, "com.docker.compose.service": service };
  return {
    Id: `id-${service}`,
    Name: `/stack-${service}-1`,
    Image: "sha256:0123456789ab",
    Created: "2026-11-22T12:00:00Z",
    State: { Status: "running" },
    HostConfig: {},
    NetworkSettings: { Networks: {} },
    Mounts: [],
    ...more,
    Config: { Image: "bot", ...(more["Config"] as Json | undefined), Labels: { ...labels, ...labelsIn(more) } },
  };
}

const labelsIn = (more: Json): Json => ((more["Config"] as Json | undefined)?.["Labels"] ?? {}) as Json;

/** One process, its environment behind its command where it is asked for. */
const processes: Evidence["top"] = (_, options) =>
  Promise.resolve({ titles: ["PID", "COMMAND"], rows: [["1", options === "eww" ? "bot PATH=/bin" : "bot"]] });

export function evidenceOf(ours: readonly Json[], over: Partial<Evidence> = {}): Evidence {
  const nothing = () => Promise.resolve(null);
  const none = () => Promise.resolve([]);
  return {
    info: () => Promise.resolve({}),
    version: () => Promise.resolve({}),
    containers: () => Promise.resolve(ours),
    container: (id) => Promise.resolve(ours.find((raw) => raw["Id"] === id) ?? null),
    image: () => Promise.resolve({}),
    history: none,
    archive: nothingAtAll,
    volume: (name) => Promise.resolve({ Name: name }),
    volumes: none,
    network: nothing,
    networks: none,
    execution: nothing,
    top: processes,
    log: nothingAtAll,
    events: none,
    file: () => Promise.resolve({ kind: "none" }),
    content: nothingAtAll,
    ...over,
  };
}

/** Nothing is ever printed. */
async function* nothingAtAll(): AsyncIterable<never> {
  yield* await Promise.resolve([]);
}

export function looking(evidence: Evidence, needles: readonly Needle[] = []): Look {
  const into = new Sightings(createSearcher(needles));
  return { evidence, changes: () => Promise.resolve([]), into, ownFiles: new Map() };
}
