/** Everywhere that the engine shows something of a container (tmpfs-and-leaks.md §1), searched. Reads only. */
import { COMPOSE_SERVICE } from "../docker/compose-labels.ts";
import { EngineRefusal } from "../docker/dial.ts";
import type { Evidence, ProcessTable } from "../docker/evidence.ts";
import { parseInspect } from "../docker/inspect.ts";
import type { LogPiece } from "../docker/log-frames.ts";
import type { Inspected, Json } from "../docker/port.ts";
import { isUp } from "../container-state.ts";
import { leavesOf } from "../roll/layer.ts";
import { type LogHit, LogSearch } from "./log-search.ts";
import { readProcesses, showsEnvironments } from "./processes.ts";
import { Layer } from "../scan/layer.ts";
import { isGzip } from "../search/index.ts";
import type { Sightings } from "./sightings.ts";
import type { Rule } from "./types.ts";

/** Bytes of a log that are searched, the oldest first. */
const MOST_LOG = 512 * 1024 * 1024;
/** Bytes of one changed file that are searched at once; as they come; of all of a container; and how many of them. */
const WHOLE_FILE = 2 ** 24;
const LARGEST_FILE = 2 ** 30;
const MOST_FILE_BYTES = 2 ** 30;
const MOST_FILES = 2_000;
/** Looks at once: each mounts the container's root for the engine. */
const AT_ONCE = 8;
/** Answers for a container without processes: between two starts, or ended while they were looked for. */
const WITHOUT_PROCESSES = new Set([404, 409, 500]);
const TOP_TRIES = 3;

export interface Look {
  readonly evidence: Evidence;
  readonly changes: (id: string) => Promise<Parameters<typeof leavesOf>[0]>;
  readonly into: Sightings;
  /** Files that hold a key on purpose: in the sidecar, its own. */
  readonly ownFiles: ReadonlyMap<string, readonly string[]>;
}

/** One container, whatever it is: of the stack, the sidecar, or the one that the self-test has made. */
export async function lookAtContainer(look: Look, raw: Json): Promise<void> {
  const { into } = look;
  const container = parseInspect(raw);
  const { id, name } = container;
  const spot = (rule: Rule, place = "") => ({ rule, subject: name, container: id, place });
  into.count("containers");
  into.json(spot("value-in-inspect"), raw);
  await into.look(name, "exec instances", () => lookAtExecs(look, raw, name));
  if (isUp(container)) await into.look(name, "processes (docker top)", () => lookAtProcesses(look, container));
  else into.limit(name, "environment of its processes", "it does not run");
  await into.look(name, "log", () => lookAtLog(look, container));
  await into.look(name, "changed files", () => lookAtFiles(look, container));
  await into.look(name, "mounted files", () => lookAtMounts(look, container));
}

export async function lookAtExecs({ evidence, into }: Look, raw: Json, subject: string): Promise<void> {
  const ids = Array.isArray(raw["ExecIDs"]) ? raw["ExecIDs"].map(String) : [];
  for (const id of ids) {
    const found = await evidence.execution(id);
    const spot = { rule: "value-in-exec", subject, container: String(raw["Id"]), place: "exec " } as const;
    if (found !== null) into.json(spot, found);
  }
}

/** Also over and over (`--watch`): a process that lives for a second is in one table alone. */
export async function lookAtProcesses({ evidence, into }: Look, { id, name }: Inspected): Promise<void> {
  const tables = await tablesOf(evidence, id);
  if (tables === null) {
    into.limit(name, "its processes", "they were not there to be looked at: it had ended, or was between two starts");
    return;
  }
  const [plain, full] = tables;
  if (!showsEnvironments(plain, full)) {
    into.gap(name, "environment of its processes", "the ps on the engine's host shows none");
  }
  for (const process of readProcesses(plain, full)) {
    into.count("processes");
    const spot = { subject: name, container: id };
    for (const { path, ...hit } of into.searcher.searchJson(process.arguments.split(" "))) {
      into.hit({ ...spot, rule: "value-in-arguments", place: `argument ${indexIn(path)}` }, hit);
    }
    const words = process.environment.split(" ");
    for (const { path, ...hit } of into.searcher.searchJson(words)) {
      into.hit({ ...spot, rule: "value-in-process-environment", place: variableAt(words, indexIn(path)) }, hit);
    }
  }
}

/** Null: there are none. A bot that ends on a bad key comes and goes between one answer and the next. */
async function tablesOf(evidence: Evidence, id: string): Promise<readonly [ProcessTable, ProcessTable] | null> {
  for (let tries = 1; ; tries++) {
    try {
      return [await evidence.top(id, "ww"), await evidence.top(id, "eww")];
    } catch (thrown) {
      if (!(thrown instanceof EngineRefusal && WITHOUT_PROCESSES.has(thrown.status))) throw thrown;
      const raw = await evidence.container(id);
      if (raw === null || !hasProcesses(parseInspect(raw))) return null;
      if (tries === TOP_TRIES) throw thrown;
    }
  }
}

const hasProcesses = ({ state }: Inspected): boolean => state === "running" || state === "paused";

/** Of a path such as `[3]`. */
const indexIn = (path: string): number => Number(/\[(\d+)\]/.exec(path)?.[1] ?? "0");

/** `ps` puts a blank between variables, and a value may hold blanks. */
function variableAt(words: readonly string[], index: number): string {
  const word = words.slice(0, index + 1).findLast((one) => /^[A-Za-z_]\w*=/.test(one));
  return word === undefined ? "environment" : `variable ${word.slice(0, word.indexOf("="))}`;
}

async function lookAtLog(look: Look, container: Inspected): Promise<void> {
  const { id, name } = container;
  await searchLog(look, container, (stream, hit) => {
    const place = `${stream} line ${hit.line}`;
    look.into.hit({ rule: "value-in-log", subject: name, container: id, place }, hit);
  });
}

/** @param since seconds since the epoch; without: from its beginning */
export async function searchLog(
  { evidence, into }: Look,
  { id, name, config, hostConfig }: Inspected,
  tell: (stream: LogPiece["stream"], hit: LogHit) => void,
  since?: number,
): Promise<void> {
  if ((hostConfig["LogConfig"] as { Type?: string } | undefined)?.Type === "none") return;
  const searches = { stdout: new LogSearch(into.searcher), stderr: new LogSearch(into.searcher) };
  const found = (stream: keyof typeof searches, hits: readonly LogHit[]): void => {
    for (const hit of hits) tell(stream, hit);
  };
  let size = 0;
  for await (const { stream, bytes } of evidence.log(id, config["Tty"] === true, since)) {
    size += bytes.length;
    into.count("logBytes", bytes.length);
    found(stream, searches[stream].push(bytes));
    if (size < MOST_LOG) continue;
    into.gap(name, "log", `it is longer than ${MOST_LOG / 2 ** 20} MiB: only so much was searched`);
    break;
  }
  found("stdout", searches.stdout.end());
  found("stderr", searches.stderr.end());
}

async function lookAtFiles(look: Look, container: Inspected): Promise<void> {
  const leaves = leavesOf(await look.changes(container.id), container);
  const { name } = container;
  if (leaves.length > MOST_FILES) {
    look.into.gap(name, "changed files", `there are more than ${MOST_FILES}: only so many were looked into`);
  }
  for (const leaf of leaves) {
    look.into.text(
      { rule: "value-in-file", subject: name, container: container.id, place: `name ${leaf.path}` },
      leaf.path,
    );
  }
  let budget = MOST_FILE_BYTES;
  const looked = leaves.slice(0, MOST_FILES).map(({ path }) => path);
  for (let at = 0; at < looked.length; at += AT_ONCE) {
    const sizes = looked.slice(at, at + AT_ONCE).map((path) => lookIntoFile(look, container, path));
    budget -= (await Promise.all(sizes)).reduce<number>((sum, size) => sum + (size ?? 0), 0);
    if (budget > 0) continue;
    look.into.gap(name, "changed files", `they hold more than ${MOST_FILE_BYTES / 2 ** 20} MiB: the rest was left out`);
    break;
  }
}

/**
 * Mounts of single files: what Compose makes of `secrets: file:` and `configs: file:`, on a disk of the host. A directory
 * may be a terabyte: it is said that it is not read.
 */
async function lookAtMounts(look: Look, container: Inspected): Promise<void> {
  const own = look.ownFiles.get(container.id) ?? [];
  const service = container.labels[COMPOSE_SERVICE] ?? container.name;
  for (const { type, source, destination } of container.mounts) {
    if (type !== "bind" || own.includes(destination)) continue;
    const size = await lookIntoFile(look, container, destination);
    // A socket holds nothing.
    if (size === null && !source.endsWith(".sock")) look.into.unread(source, "content of the bind", service);
  }
}

/** Bytes that were read; null: it is no file. */
async function lookIntoFile({ evidence, into }: Look, { id, name }: Inspected, path: string): Promise<number | null> {
  let size: number | null = 0;
  const what = `file ${path}`;
  await into.look(name, what, async () => {
    const file = await evidence.file(id, path, WHOLE_FILE);
    size = file.kind === "none" ? null : file.kind === "file" ? file.bytes.length : file.size;
    if (size === null) return;
    if (size > LARGEST_FILE) {
      into.gap(name, what, `it is larger than ${LARGEST_FILE / 2 ** 30} GiB`);
      size = 0;
      return;
    }
    into.count("files");
    const spot = { rule: "value-in-file", subject: name, container: id, place: path } as const;
    if (file.kind === "file" && !isGzip(file.bytes)) {
      into.text(spot, file.bytes);
      return;
    }
    // A gzip is unpacked to its end, whatever that is.
    const layer = new Layer(into.searcher, (found) => {
      into.hit(spot, found);
    });
    if (file.kind === "file") await layer.whole(file.bytes);
    else for await (const chunk of evidence.content(id, path)) await layer.push(chunk);
    const fault = await layer.end();
    if (fault !== null) into.gap(name, what, fault);
  });
  return size;
}
