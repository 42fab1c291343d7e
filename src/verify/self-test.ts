/**
 * A search that finds nothing may be blind. Before anything is called clean, a throw-away container gets a canary in
 * every place that a container has, each in an encoding of its own, and all of them have to be found by the same looks.
 * It has no mount, no network and no label of Compose; it ends by itself, and the engine removes it then.
 */
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Clock } from "../clock.ts";
import type { DockerPort } from "../docker/port.ts";
import type { Evidence } from "../docker/evidence.ts";
import { SidecryptError } from "../errors.ts";
import { createSearcher, type Needle } from "../search/index.ts";
import type { Look } from "./places.ts";
import { lookAtEvents, lookAtStack } from "./stack.ts";
import { Sightings, type Sighting } from "./sightings.ts";
import type { Rule, SelfTest } from "./types.ts";

/** Not Compose's: neither Compose nor the daemon counts it to the project. */
const LABEL = "sidecrypt.self-test";
const NAME = "sidecrypt-verify-selftest";
const NODE = "/usr/local/bin/node";
const LIFETIME = 60_000;
const PATIENCE = 15_000;
const LOOK_EVERY = 200;

/** What each place is planted with, what has to find it, and where. */
const PLACES = {
  environment: { rule: "value-in-inspect", place: /^Config\.Env/ },
  label: { rule: "value-in-inspect", place: /^Config\.Labels/ },
  "label's name": { rule: "value-in-inspect", place: /^Config\.Labels/ },
  "health check": { rule: "value-in-inspect", place: /^Config\.Healthcheck/ },
  "output of the health check": { rule: "value-in-inspect", place: /^State\.Health\.Log/ },
  "extra host": { rule: "value-in-inspect", place: /^HostConfig\.ExtraHosts/ },
  "arguments in inspect": { rule: "value-in-inspect", place: /^Args|^Config\.Cmd/ },
  "container list": { rule: "value-in-list", place: /^Command/ },
  "arguments of a process": { rule: "value-in-arguments", place: /./ },
  "environment of a process": { rule: "value-in-process-environment", place: /./ },
  stdout: { rule: "value-in-log", place: /^stdout/ },
  stderr: { rule: "value-in-log", place: /^stderr/ },
  file: { rule: "value-in-file", place: /^\/planted/ },
  exec: { rule: "value-in-exec", place: /./ },
  event: { rule: "value-in-event", place: /./ },
} as const satisfies Readonly<Record<string, { readonly rule: Rule; readonly place: RegExp }>>;

type Place = keyof typeof PLACES;
/** Two places show one text. */
const SAME: Readonly<Partial<Record<Place, Place>>> = {
  "arguments of a process": "arguments in inspect",
  event: "exec",
};

/** What the container has to write stands in its environment backwards, which no search takes for the canary. */
const SCRIPT = `
const { env, stdout, stderr, execPath } = process;
const back = (name) => Buffer.from(env[name]).reverse().toString();
stdout.write(back("OUT") + "\\n");
stderr.write(back("ERR") + "\\n");
require("fs").writeFileSync("/planted", Buffer.from(back("FILE"), "hex"));
const live = "const wait = setTimeout; wait(() => process.exit(0), ${LIFETIME})";
require("child_process").spawn(execPath, ["-e", live], { env: { PLANTED: back("CHILD") } });
const wait = setTimeout;
wait(() => process.exit(0), ${LIFETIME});
`;
const LIVE = `const wait = setTimeout; wait(() => {}, ${LIFETIME})`;
const PRINT = "const { env, stdout } = process; stdout.write(Buffer.from(env.HEALTH).reverse())";

export interface SelfTestParts {
  readonly docker: DockerPort;
  readonly evidence: Evidence;
  readonly clock: Clock;
}

type Canaries = Readonly<Record<Place, string>>;

/** @param image with Node, and with nothing that it runs by itself: the sidecar's own */
export async function selfTest(parts: SelfTestParts, image: string): Promise<SelfTest> {
  await removeLeftovers(parts);
  const canaries = Object.fromEntries(Object.keys(PLACES).map((place) => [place, newCanary()])) as Canaries;
  const planted = { ...canaries };
  for (const [place, of] of Object.entries(SAME)) planted[place as Place] = canaries[of];
  const id = await create(parts, image, planted);
  try {
    await parts.docker.start(id);
    // Lives as long as the container: only an exec that runs can be inspected.
    void parts.docker.exec(id, [NODE, "-e", LIVE, planted.exec], LIFETIME).catch(() => -1);
    await untilSpoken(parts, id);
    const into = await look(parts, id, planted);
    const missed = missedAmong(planted, into.all);
    return { planted: Object.keys(PLACES).length, missed, gaps: missed.length === 0 ? [] : into.gaps };
  } finally {
    await remove(parts, id);
  }
}

const newCanary = (): string => randomBytes(16).toString("hex");
const reversed = (text: string): string => Buffer.from(text).reverse().toString();

async function create({ docker }: SelfTestParts, image: string, planted: Canaries): Promise<string> {
  const half = planted["arguments in inspect"].length / 2;
  const args = planted["arguments in inspect"];
  const body = {
    Image: image,
    User: "0",
    Entrypoint: [NODE],
    // In two, as a shell script may have cut it.
    Cmd: ["-e", SCRIPT, args.slice(0, half), args.slice(half), planted["container list"]],
    Env: [
      `CANARY=${Buffer.from(planted.environment).toString("base64")}`,
      `OUT=${reversed(encodeURIComponent(JSON.stringify(planted.stdout)))}`,
      `ERR=${reversed(Buffer.from(planted.stderr).toString("hex"))}`,
      `FILE=${reversed(gzipSync(planted.file).toString("hex"))}`,
      `CHILD=${reversed(planted["environment of a process"])}`,
      `HEALTH=${reversed(Buffer.from(`x:${planted["output of the health check"]}`).toString("base64"))}`,
    ],
    Labels: {
      [LABEL]: JSON.stringify({ canary: JSON.stringify(planted.label) }),
      [`planted.${planted["label's name"]}`]: "",
    },
    Healthcheck: {
      Test: ["CMD", NODE, "-e", PRINT, planted["health check"]],
      // Nanoseconds.
      Interval: 5e8,
      Timeout: 1e10,
    },
    HostConfig: {
      NetworkMode: "none",
      AutoRemove: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      PidsLimit: 64,
      ExtraHosts: [`${planted["extra host"]}:127.0.0.1`],
    },
  };
  return docker.create(`${NAME}-${newCanary().slice(0, 8)}`, { body, connect: [] });
}

/** Its log, its file and its health check come a moment after its start. */
async function untilSpoken({ evidence, clock }: SelfTestParts, id: string): Promise<void> {
  const until = clock.now() + PATIENCE;
  for (;;) {
    const raw = await evidence.container(id);
    const health = (raw?.["State"] as { Health?: { Log?: unknown[] | null } } | undefined)?.Health?.Log ?? [];
    const execs = (raw?.["ExecIDs"] as unknown[] | null | undefined) ?? [];
    if (health.length > 0 && execs.length > 0) return;
    // What is not there by then is missed, and said to be.
    if (clock.now() > until) return;
    await clock.sleep(LOOK_EVERY);
  }
}

async function look({ docker, evidence, clock }: SelfTestParts, id: string, planted: Canaries): Promise<Sightings> {
  const needles: Needle[] = Object.entries(planted).map(([name, value]) => ({ name, value: Buffer.from(value) }));
  const into = new Sightings(createSearcher(needles));
  const raw = await evidence.container(id);
  if (raw === null) throw new SidecryptError("docker-refused", "the container of the self-test went away by itself");
  const stack = { ours: [raw], others: [], volumes: [] };
  const changes = (one: string) => docker.changes(one);
  const at: Look = { evidence, changes, into, ownFiles: new Map() };
  await lookAtStack(at, stack, LABEL);
  await lookAtEvents(at, stack, LABEL, clock.now());
  return into;
}

function missedAmong(planted: Canaries, seen: readonly Sighting[]): string[] {
  return (Object.keys(PLACES) as Place[]).filter((name) => {
    const { rule, place } = PLACES[name];
    const names = (Object.keys(planted) as Place[]).filter((other) => planted[other] === planted[name]);
    return !seen.some((one) => one.rule === rule && names.includes(one.name as Place) && place.test(one.place));
  });
}

/** Of a verify that was killed; it would have ended by itself. */
async function removeLeftovers(parts: SelfTestParts): Promise<void> {
  const rows = await parts.docker.list();
  for (const { id } of rows.filter(({ labels }) => labels[LABEL] !== undefined)) await remove(parts, id);
}

async function remove({ docker }: SelfTestParts, id: string): Promise<void> {
  // It may have ended, and be gone with that.
  await docker.kill(id, "KILL").catch(() => undefined);
  await docker.remove(id).catch(() => undefined);
}
