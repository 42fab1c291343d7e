/**
 * Looks for values where none may be: in `docker inspect`, in the environment of processes, in logs, in events, in what
 * the sidecar keeps, and in images. Says where each was found, never what it is.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import type { Engine } from "./engine.ts";
import { run } from "./run.ts";

/** A name to report for each value. */
export type Needles = Readonly<Record<string, string>>;

export interface Finding {
  readonly name: string;
  readonly place: string;
}

export interface Haystack {
  readonly engine: Engine;
  /** Ids or names. */
  readonly containers: readonly string[];
  readonly images: readonly string[];
  readonly volumes: readonly string[];
  readonly networks: readonly string[];
  /** `container:path` of directories to look into. */
  readonly directories?: readonly string[];
  readonly since: Date;
}

const PRINT_ENVIRONMENT = [["printenv"], ["/usr/local/bin/node", "-e", "console.log(process.env)"]];

export async function search(needles: Needles, haystack: Haystack): Promise<Finding[]> {
  const { engine, containers, images, volumes, networks, directories = [], since } = haystack;
  const scan = scanner(needles);
  const findings: Finding[] = [];
  const look = (place: string, text: string): void => {
    for (const name of scan(text)) findings.push({ name, place });
  };
  for (const id of containers) {
    look(`inspect ${id}`, await engine.docker("inspect", id));
    look(`logs ${id}`, await engine.logs(id));
    look(`environment ${id}`, await environmentOf(engine, id));
    look(`processes ${id}`, await engine.docker("top", id, "eww"));
    for (const exec of await execsOf(engine, id)) look(`exec in ${id}`, exec);
  }
  for (const name of volumes) look(`volume ${name}`, await engine.docker("volume", "inspect", name));
  for (const name of networks) look(`network ${name}`, await engine.docker("network", "inspect", name));
  for (const list of LISTS) look(`the list: ${list.join(" ")}`, await engine.docker(...list));
  const span = ["--since", String(since.getTime() / 1000), "--until", String(Date.now() / 1000)];
  look("events", await engine.docker("events", ...span, "--format", "{{json .}}"));
  for (const image of images) {
    look(`image ${image} inspect`, await engine.docker("image", "inspect", image));
    look(`image ${image} history`, await engine.docker("image", "history", "--no-trunc", image));
    await stream(engine, ["save", image], scan, (name) => findings.push({ name, place: `image ${image}` }));
  }
  for (const directory of directories) {
    await stream(engine, ["cp", directory, "-"], scan, (name) => findings.push({ name, place: `files ${directory}` }));
  }
  return findings;
}

/** Of the first process; of a new one where the image has no way to print that. */
async function environmentOf(engine: Engine, id: string): Promise<string> {
  for (const command of PRINT_ENVIRONMENT) {
    const { code, stdout } = await engine.tryDocker("exec", id, ...command);
    if (code === 0) return stdout;
  }
  throw new Error(`nothing in ${id} prints an environment`);
}

/** Of those that run: the command line of Docker shows none of it. */
async function execsOf(engine: Engine, id: string): Promise<string[]> {
  const ids = JSON.parse(await engine.docker("inspect", "--format", "{{json .ExecIDs}}", id)) as string[] | null;
  return Promise.all((ids ?? []).map((exec) => answerOf(engine, `/exec/${exec}/json`)));
}

async function answerOf(engine: Engine, path: string): Promise<string> {
  const [response] = (await once(request({ socketPath: engine.socket, path }).end(), "response")) as [IncomingMessage];
  return Buffer.concat(await response.toArray()).toString();
}

const LISTS = [
  ["ps", "--all", "--no-trunc", "--format", "{{json .}}"],
  ["volume", "ls", "--format", "{{json .}}"],
  ["network", "ls", "--no-trunc", "--format", "{{json .}}"],
  ["info", "--format", "{{json .}}"],
];

/**
 * What was written since then to the engine's data directory, to /run, where it keeps what is running, to the logs of the
 * machine, and to swap. Other file systems that are mounted there are not looked into, the drops among them.
 */
export async function searchDisk(needles: Needles, engine: Engine, since: Date): Promise<Finding[]> {
  const root = (await engine.docker("info", "--format", "{{.DockerRootDir}}")).trim();
  const swaps = (await readFile("/proc/swaps", "utf8")).split("\n").slice(1);
  const directories = [root, "/var/lib/containerd", "/run", "/var/log"];
  const there = await Promise.all(
    directories.map((path) =>
      access(path).then(
        () => [path],
        () => [],
      ),
    ),
  );
  const changed = ["-xdev", "-type", "f", "-newermt", since.toISOString(), "-print0"];
  // Its exit status tells of directories that other stacks have taken away meanwhile.
  const { stdout } = await run("find", [...there.flat(), ...changed]);
  const listed = stdout.split("\0");
  const scan = scanner(needles);
  const findings: Finding[] = [];
  for (const path of [...listed, ...swaps.map((line) => line.split(/\s+/)[0] ?? "")].filter((one) => one !== "")) {
    try {
      for (const name of await namesIn(createReadStream(path), scan)) findings.push({ name, place: path });
    } catch (thrown) {
      // What is gone by now was a temporary file of the engine's; a network's namespace, bound to a file, is read by nobody.
      if (!["ENOENT", "EINVAL"].includes((thrown as NodeJS.ErrnoException).code ?? "")) throw thrown;
    }
  }
  return findings;
}

type Scan = (text: string) => string[];

/** As the value stands, and as base64 (at each of its three offsets), hex and percent encoding make of it. */
function scanner(needles: Needles): Scan {
  const forms = Object.entries(needles).map(([name, value]) => [name, formsOf(value)] as const);
  return (text) => forms.filter(([, all]) => all.some((form) => text.includes(form))).map(([name]) => name);
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const base64 = [0, 1, 2].map((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    // The characters at both ends depend on what stands beside the value.
    return padded.slice(offset === 0 ? 0 : offset + 1, -4);
  });
  return [...new Set([value, encodeURIComponent(value), bytes.toString("hex"), ...base64])];
}

/** Longer than every form of a value that a test makes: a chunk's end may cut one in two. */
const OVERLAP = 4096;

async function stream(
  engine: Engine,
  args: readonly string[],
  scan: Scan,
  found: (name: string) => void,
): Promise<void> {
  const child = spawn("docker", args, { env: { ...process.env, ...engine.env }, stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(child, "close");
  const seen = await namesIn(child.stdout, scan);
  const [code] = (await ended) as [number];
  if (code !== 0) throw new Error(`docker ${args.join(" ")}: exit status ${code}`);
  for (const name of seen) found(name);
}

async function namesIn(chunks: AsyncIterable<unknown>, scan: Scan): Promise<Set<string>> {
  const seen = new Set<string>();
  let tail = "";
  for await (const chunk of chunks) {
    const text = tail + (chunk as Buffer).toString("latin1");
    for (const name of scan(text)) seen.add(name);
    tail = text.slice(-OVERLAP);
  }
  return seen;
}
