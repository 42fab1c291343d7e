/** The engine tells of every change of what a look sees: what is kept of a container is never older than its last one. */
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { look, ContainerCache } from "../../src/daemon/container-cache.ts";
import { connectEngine } from "../../src/docker/engine.ts";
import type { DockerPort } from "../../src/docker/port.ts";
import { type Engine, mainEngine } from "./harness/engine.ts";
import { waitUntil } from "./harness/wait.ts";

const PREFIX = `sc-seen-${randomBytes(4).toString("hex")}`;

let engine: Engine;
let docker: DockerPort;
let cache: ContainerCache;
const end = new AbortController();
const containers: string[] = [];
/** Inspections that `cache` has asked for. */
let asked = 0;

beforeAll(async () => {
  engine = await mainEngine();
  docker = await connectEngine(engine.socket, { clock: systemClock, callTimeout: 60_000 });
  cache = new ContainerCache({
    inspect: (id) => {
      asked += 1;
      return docker.inspect(id);
    },
  });
  const opened = new Promise<void>((resolve) => void follow(resolve));
  await opened;
  cache.renew();
});

async function follow(opened: () => void): Promise<void> {
  const told = (): void => {
    cache.told(true);
    opened();
  };
  for await (const event of docker.events(end.signal, { opened: told })) cache.hear(event);
}

afterEach(async () => {
  if (containers.length > 0) await engine.docker("rm", "--force", ...containers.splice(0));
});

afterAll(() => {
  end.abort();
});

async function start(...options: readonly string[]): Promise<string> {
  const name = `${PREFIX}-${containers.length}`;
  const image = ["sidecrypt-bot", "sleep", "600"];
  const id = await engine.docker(
    "run",
    "--detach",
    "--init",
    "--network",
    "none",
    "--name",
    name,
    ...options,
    ...image,
  );
  containers.push(id.trim());
  return id.trim();
}

/** As a look does it: with the state that the list shows. */
async function kept(id: string): Promise<unknown> {
  const row = (await docker.list()).find((one) => one.id === id);
  return row === undefined ? null : cache.of(row, false);
}

const CHANGES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "a restart": [["restart"]],
  "a stop": [["stop"]],
  "a stop and a start": [["stop"], ["start"]],
  "a kill": [["kill"]],
  "a new name": [["rename"]],
  "a new restart policy": [["update", "--restart", "always"]],
  "a pause": [["pause"]],
  "a pause and its end": [["pause"], ["unpause"]],
  "its removal": [["rm", "--force"]],
};

test.each(Object.entries(CHANGES))("%s must be seen at the next look", async (_, commands) => {
  const id = await start();
  await kept(id);
  const before = asked;
  const first = await kept(id);
  expect(first).toEqual(await look(docker, id));
  // Without a change it is not asked for again: otherwise this would prove nothing.
  expect(asked).toBe(before);

  for (const [command = "", ...options] of commands) {
    await engine.docker(command, ...options, id, ...(command === "rename" ? [`${PREFIX}-renamed`] : []));
  }
  const now = await look(docker, id);
  expect(now).not.toEqual(first);
  await waitUntil("the engine has told of it", async () => JSON.stringify(await kept(id)) === JSON.stringify(now), 5);
  if (now === null) containers.pop();
});

test("a health check that comes to another result must be seen, and one that goes on as before costs no look", async () => {
  const health = ["--health-interval", "1s", "--health-retries", "1", "--health-cmd", "test ! -e /tmp/ill"];
  const id = await start(...health);
  await waitUntil("it is healthy", async () => (await docker.inspect(id))?.health?.status === "healthy");
  await waitUntil("it is kept", async () => {
    const before = asked;
    await kept(id);
    return asked === before;
  });
  const before = asked;
  const checks = async (): Promise<number | undefined> => (await docker.inspect(id))?.health?.checks.at(-1)?.startedAt;
  const last = await checks();
  await waitUntil("it was checked again", async () => (await checks()) !== last);
  expect(await kept(id)).toMatchObject({ isUnhealthy: false });
  expect(asked).toBe(before);

  await engine.docker("exec", id, "touch", "/tmp/ill");
  await waitUntil("it is seen", async () => ((await kept(id)) as { isUnhealthy: boolean }).isUnhealthy);
});
