/** Everything of one Compose project, and what the engine tells of it beside its containers (tmpfs-and-leaks.md §1). */
import { COMPOSE_PROJECT, COMPOSE_SERVICE } from "../docker/compose-labels.ts";
import type { Evidence } from "../docker/evidence.ts";
import type { Json } from "../docker/port.ts";
import { lookAtContainer, type Look } from "./places.ts";

export interface StackEvidence {
  /** Inspect answers of every container of the project, stopped ones, one-offs and the sidecar among them. */
  readonly ours: readonly Json[];
  /** Of every other container of the engine. */
  readonly others: readonly Json[];
  readonly volumes: readonly Json[];
}

/** Containers that are inspected at once. */
const AT_ONCE = 4;
/** What the engine keeps (moby daemon/events): older ones are in no answer of it. */
const EVENTS_KEPT = 256;

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const record = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});

export const nameOf = (raw: Json): string => text(raw["Name"]).replace(/^\//, "");
export const labelsOf = (raw: Json): Json => record(record(raw["Config"])["Labels"]);
export const serviceOf = (raw: Json): string => text(labelsOf(raw)[COMPOSE_SERVICE]) || nameOf(raw);
export const mountsOf = (raw: Json): readonly Json[] => (Array.isArray(raw["Mounts"]) ? raw["Mounts"].map(record) : []);

export async function readStackEvidence(evidence: Evidence, project: string): Promise<StackEvidence> {
  const rows = await evidence.containers();
  const found: Json[] = [];
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    const some = rows.slice(at, at + AT_ONCE).map((row) => evidence.container(text(row["Id"])));
    // One that went away meanwhile is not there to be looked at.
    found.push(...(await Promise.all(some)).filter((raw) => raw !== null));
  }
  const ours = found.filter((raw) => labelsOf(raw)[COMPOSE_PROJECT] === project);
  return {
    ours,
    others: found.filter((raw) => !ours.includes(raw)),
    volumes: await volumesOf(evidence, project, ours),
  };
}

async function volumesOf(evidence: Evidence, project: string, ours: readonly Json[]): Promise<Json[]> {
  const labelled = await evidence.volumes(`${COMPOSE_PROJECT}=${project}`);
  const mounted = ours.flatMap(mountsOf).filter((mount) => mount["Type"] === "volume");
  const names = new Set([...labelled, ...mounted].map((one) => text(one["Name"])).filter((name) => name !== ""));
  const found = await Promise.all([...names].map((name) => evidence.volume(name)));
  return found.filter((raw) => raw !== null);
}

export async function lookAtStack(look: Look, stack: StackEvidence, project: string): Promise<void> {
  const { into } = look;
  for (const raw of stack.ours) await into.look(nameOf(raw), "container", () => lookAtContainer(look, raw));
  await into.look(project, "container list", () => lookAtList(look, stack));
  await into.look(project, "images", () => lookAtImages(look, stack));
  for (const volume of stack.volumes) {
    into.count("volumes");
    into.json({ rule: "value-in-volume", subject: text(volume["Name"]), container: null, place: "" }, volume);
  }
  await into.look(project, "networks", () => lookAtNetworks(look, stack, project));
  unread(look, stack);
}

/**
 * Before anything is made here: each event of our own pushes one of the project's out of what the engine remembers.
 * @param since - Unix time in milliseconds [when the oldest container was made]
 */
export async function lookAtEvents(
  look: Look,
  stack: StackEvidence,
  project: string,
  now: number,
  since = oldestOf(stack, now),
): Promise<void> {
  await look.into.look(project, "events", () => readEvents(look, stack, project, [since, now]));
}

function oldestOf({ ours }: StackEvidence, now: number): number {
  const created = ours.map((raw) => Date.parse(text(raw["Created"]))).filter((time) => !Number.isNaN(time));
  return Math.min(now, ...created);
}

async function lookAtList({ evidence, into }: Look, { ours }: StackEvidence): Promise<void> {
  const ids = new Map(ours.map((raw) => [text(raw["Id"]), nameOf(raw)]));
  for (const row of await evidence.containers()) {
    const id = text(row["Id"]);
    const subject = ids.get(id);
    if (subject !== undefined) into.json({ rule: "value-in-list", subject, container: id, place: "" }, row);
  }
}

/** Id to what people call it. */
export function imagesOf({ ours }: StackEvidence): ReadonlyMap<string, string> {
  const tags = ours.map((raw) => [text(raw["Image"]), text(record(raw["Config"])["Image"])] as const);
  return new Map(tags.map(([id, tag]) => [id, tag.startsWith("sha256:") ? id.slice(7, 19) : tag]));
}

async function lookAtImages({ evidence, into }: Look, stack: StackEvidence): Promise<void> {
  for (const [id, subject] of imagesOf(stack)) {
    const spot = { rule: "value-in-image", subject, container: null } as const;
    await into.look(subject, "image", async () => {
      const [image, history] = [await evidence.image(id), await evidence.history(id)];
      if (image === null || history === null) {
        into.gap(subject, "image", "it was removed while its container stayed");
        return;
      }
      into.count("images");
      into.json({ ...spot, place: "" }, image);
      into.json({ ...spot, place: "history" }, history);
    });
  }
}

async function lookAtNetworks({ evidence, into }: Look, { ours }: StackEvidence, project: string): Promise<void> {
  const labelled = (await evidence.networks(`${COMPOSE_PROJECT}=${project}`)).map((one) => text(one["Id"]));
  const joined = ours.flatMap((raw) => Object.values(record(record(raw["NetworkSettings"])["Networks"])).map(record));
  const ids = new Set([...labelled, ...joined.map((one) => text(one["NetworkID"]))].filter((id) => id !== ""));
  for (const id of ids) {
    const network = await evidence.network(id);
    if (network === null) continue;
    into.count("networks");
    into.json({ rule: "value-in-network", subject: text(network["Name"]), container: null, place: "" }, network);
  }
}

/** The project's own, containers among them that are gone. */
async function readEvents(
  { evidence, into }: Look,
  { ours, volumes }: StackEvidence,
  project: string,
  [since, now]: readonly [since: number, now: number],
): Promise<void> {
  const all = await evidence.events(Math.floor(since / 1000), Math.ceil(now / 1000));
  if (all.length >= EVENTS_KEPT) {
    const why = `the engine keeps its last ${EVENTS_KEPT}, and the project is older than those`;
    into.limit(project, "older events", why);
  }
  const ids = new Map(ours.map((raw) => [text(raw["Id"]), nameOf(raw)]));
  const names = new Set(volumes.map((raw) => text(raw["Name"])));
  for (const event of all) {
    const actor = record(event["Actor"]);
    const attributes = record(actor["Attributes"]);
    const id = text(actor["ID"]);
    const isOurs = attributes[COMPOSE_PROJECT] === project || ids.has(id) || names.has(id);
    if (!isOurs && !ids.has(text(attributes["container"]))) continue;
    into.count("events");
    const subject = ids.get(id) ?? (text(attributes["name"]) || project);
    // The action of an exec has its whole command line behind a colon.
    const place = `${text(event["Type"])} ${text(event["Action"]).split(":", 1)[0] ?? ""}: `;
    into.json({ rule: "value-in-event", subject, container: ids.has(id) ? id : null, place }, event);
  }
}

/** Where the stack itself keeps things, and no look reads: it is said, so that nobody takes it for searched. */
function unread({ into }: Look, { ours }: StackEvidence): void {
  const drops = new Set(ours.flatMap(mountsOf).filter(isDrop).map(nameOfVolume));
  for (const raw of ours) {
    const volumes = mountsOf(raw).filter((mount) => mount["Type"] === "volume");
    for (const name of volumes.map(nameOfVolume)) {
      if (name !== "" && !drops.has(name)) into.unread(name, "content of the volume", serviceOf(raw));
    }
    for (const path of tmpfsOf(raw)) into.unread(path, "content of the tmpfs", serviceOf(raw));
  }
}

const nameOfVolume = (mount: Json): string => text(mount["Name"]);
/** The sidecar has it elsewhere. */
const isDrop = (mount: Json): boolean => mount["Type"] === "volume" && mount["Destination"] === "/run/secrets";

/** The short syntax comes as a map, and is no mount in the engine's answer; the long one is. */
function tmpfsOf(raw: Json): string[] {
  const mounted = mountsOf(raw).filter((mount) => mount["Type"] === "tmpfs");
  return [
    ...Object.keys(record(record(raw["HostConfig"])["Tmpfs"])),
    ...mounted.map((one) => text(one["Destination"])),
  ];
}
