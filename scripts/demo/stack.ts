/** The demo's stack: up and down, what its containers say of themselves, and changes to its bundle. */
import type { Status } from "../../src/report/status.ts";
import { containers, docker, ids } from "./engine.ts";
import { digest, remove, ROOT, WORK } from "./files.ts";
import { command, note } from "./print.ts";
import { expect, run, tryRun, until, type Ran } from "./run.ts";

export const SIDECAR = "secrets";
export const CONSUMERS = ["redis", "bot1", "bot2"] as const;
export const BOTS = ["bot1", "bot2"] as const;
const SERVICES = [SIDECAR, ...CONSUMERS];
const COMPOSE_FILE = "compose/demo/compose.yaml";

/** Milliseconds; on a slow machine with two cores a roll takes a few seconds. */
export const PATIENCE = 120_000;

export interface Life {
  readonly id: string;
  readonly startedAt: string;
}

/** One running, healthy container for each service. */
export type Lives = ReadonlyMap<string, Life>;

export async function useLocalEngine(): Promise<void> {
  const endpoint = await docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}");
  const socket = /^unix:\/\/(.+)$/.exec(endpoint.trim())?.[1];
  expect(socket !== undefined, "the docker client speaks to an engine on this machine, over a unix socket");
  process.env["DOCKER_SOCK"] = socket;
}

export async function up(): Promise<void> {
  const args = ["compose", "-f", COMPOSE_FILE, "up", "--detach", "--wait"];
  command(`docker ${args.join(" ")}`);
  await run("docker", args);
}

/** Whatever an earlier demo left behind, a roll that was cut off included. */
export async function down(): Promise<void> {
  const args = ["compose", "-f", COMPOSE_FILE, "down", "--volumes", "--remove-orphans", "--timeout", "10"];
  await run("docker", args);
  const left = await ids();
  if (left.length > 0) await docker("rm", "--force", "--volumes", ...left);
  await remove();
}

/** Null while a container is replaced, starts, or is not healthy. */
export async function lives(): Promise<Lives | null> {
  const all = await containers();
  const found = new Map<string, Life>();
  for (const service of SERVICES) {
    const [only, ...more] = all.get(service) ?? [];
    if (only?.State.Health?.Status !== "healthy" || more.length > 0) return null;
    found.set(service, { id: only.Id, startedAt: only.State.StartedAt });
  }
  return found;
}

export async function status(): Promise<Status | null> {
  const { stdout } = await exec(SIDECAR, ["sidecrypt", "status", "--json"]);
  return stdout.startsWith("{") ? (JSON.parse(stdout) as Status) : null;
}

export async function statusText(): Promise<string> {
  return (await exec(SIDECAR, ["sidecrypt", "status"])).stdout;
}

export function healthy(): Promise<Lives> {
  return until("one healthy container of each service", PATIENCE, lives);
}

/** Until everybody has what the bundle says, and is healthy. */
export async function settled(): Promise<Lives> {
  return until("every consumer is current on the new bundle, and healthy", PATIENCE, async () => {
    const now = await status();
    const wanted = await digest();
    if (now?.bundle.state !== "ok" || now.bundle.digest12 !== wanted) return null;
    return now.consumers.every(({ state }) => state === "current") ? lives() : null;
  });
}

export interface BotState {
  /** Masked by the bot itself. */
  readonly apiKey: string;
  readonly redis: string;
  readonly exchange: string;
}

export async function botState(service: string): Promise<BotState> {
  return JSON.parse(await output(service, ["node", "/app/bot.mjs", "state"])) as BotState;
}

/** A file as a process in the container reads it. */
export function fileOf(service: string, name: string): Promise<string> {
  return output(service, ["cat", `/run/secrets/${name}`]);
}

export async function filesOf(service: string): Promise<readonly string[]> {
  return (await output(service, ["ls", "/run/secrets"])).split("\n").filter((name) => name !== "");
}

export async function fileSystemOf(service: string): Promise<string> {
  return (await output(service, ["stat", "-f", "-c", "%T", "/run/secrets/"])).trim();
}

/** Both streams of a container's log. */
export async function logs(id: string): Promise<string> {
  const { stdout, stderr } = await tryRun("docker", ["logs", id]);
  return stdout + stderr;
}

/** Redis' own answers to lines on its input. */
export async function askRedis(script: string): Promise<readonly string[]> {
  return (await output("redis", ["redis-cli"], script)).split("\n").filter((line) => line !== "");
}

/** The sidecar's own `set`: what an operator would type, the value on stdin. */
export async function setSecret(name: string, value: string): Promise<void> {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  // The new file belongs to whoever runs this, as the old one does.
  const user = uid === 0 ? [] : ["--user", `${uid}:${gid}`];
  const options = ["run", "--rm", "-i", "--network", "none", ...user];
  const mounts = [`${WORK}/secrets:/bundle`, `${WORK}/age.key:/run/age.key:ro`];
  command(`printf %s "$NEW_VALUE" | docker ${options.join(" ")} \\`);
  note(`  ${mounts.map((mount) => `-v "$PWD/${mount}"`).join(" ")} sidecrypt set ${name}`);
  const volumes = mounts.flatMap((mount) => ["-v", `${ROOT}/${mount}`]);
  await run("docker", [...options, ...volumes, "sidecrypt", "set", name], { input: value });
}

export async function sidecarLog(lines: number): Promise<string> {
  const [sidecar] = (await containers()).get(SIDECAR) ?? [];
  return sidecar === undefined ? "" : (await logs(sidecar.Id)).trimEnd().split("\n").slice(-lines).join("\n");
}

async function exec(service: string, args: readonly string[], input?: string): Promise<Ran> {
  const running = (await containers()).get(service)?.find(({ State }) => State.Running);
  expect(running !== undefined, `a container of ${service} runs`);
  return tryRun("docker", ["exec", "-i", running.Id, ...args], input === undefined ? {} : { input });
}

async function output(service: string, args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await exec(service, args, input);
  expect(code === 0, `${args.join(" ")} in ${service} succeeds; it said: ${stderr.trim()}`);
  return stdout;
}
