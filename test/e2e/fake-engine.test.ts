/** The fake engine of test/roll against the real one: the same calls, the same answers. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { EngineRefusal } from "../../src/docker/dial.ts";
import { connectEngine } from "../../src/docker/engine.ts";
import type { DockerPort, Json } from "../../src/docker/port.ts";
import { FakeClock } from "../roll/fake-clock.ts";
import { FakeEngine, IMAGE_NAME } from "../roll/fake-engine.ts";
import { mainEngine } from "./harness/engine.ts";

const REAL_IMAGE = "sidecrypt-bot";
const PREFIX = `sc-unit-${randomBytes(4).toString("hex")}`;
const name = (suffix: string): string => `${PREFIX}-${suffix}`;

let real: DockerPort;

beforeAll(async () => {
  real = await connectEngine((await mainEngine()).socket, { clock: systemClock, callTimeout: 60_000 });
});

afterAll(async () => {
  const engine = await mainEngine();
  const ids = await engine.docker("ps", "--all", "--quiet", "--filter", `name=${PREFIX}`);
  const left = ids.split("\n").filter((id) => id !== "");
  if (left.length > 0) await engine.docker("rm", "--force", "--volumes", ...left);
});

const spec = (image: string): { body: Json; connect: [] } => ({
  body: {
    Image: image,
    Cmd: ["sleep", "600"],
    Healthcheck: { Test: ["NONE"] },
    // A process 1 without handlers would sit out the grace period.
    StopSignal: "SIGKILL",
    Labels: { "sc-unit": PREFIX },
    HostConfig: { NetworkMode: "none", RestartPolicy: { Name: "unless-stopped", MaximumRetryCount: 0 } },
  },
  connect: [],
});

type Step = (docker: DockerPort, image: string, ids: string[]) => Promise<unknown>;

/** What is seen of a container: what both engines must agree on. */
async function look(docker: DockerPort, id: string): Promise<unknown> {
  const found = await docker.inspect(id);
  if (found === null) return null;
  const { state, restartPolicy, restartCount, startedAt } = found;
  return { name: found.name, state, restartPolicy, restartCount, started: startedAt !== null };
}

const NOWHERE = "0".repeat(64);

/** In order: each works on what those before it left. */
const STEPS: readonly (readonly [string, Step])[] = [
  ["create", async (docker, image, ids) => void ids.push(await docker.create(name("a"), spec(image)))],
  ["create under a taken name", (docker, image) => docker.create(name("a"), spec(image))],
  ["create from no image", (docker) => docker.create(name("x"), spec("sc-unit-no-such-image"))],
  ["create under a name that is none", (docker, image) => docker.create(`${name("x")}/y`, spec(image))],
  ["rename to the same name", (docker, _, [a = ""]) => docker.rename(a, name("a"))],
  ["stop before any start", (docker, _, [a = ""]) => docker.stop(a)],
  ["kill before any start", (docker, _, [a = ""]) => docker.kill(a, "HUP")],
  ["exec before any start", (docker, _, [a = ""]) => docker.exec(a, ["true"], 5_000)],
  ["start", (docker, _, [a = ""]) => docker.start(a)],
  ["start again", (docker, _, [a = ""]) => docker.start(a)],
  ["remove while it runs", (docker, _, [a = ""]) => docker.remove(a)],
  ["exec", (docker, _, [a = ""]) => docker.exec(a, ["true"], 20_000)],
  ["rename while it runs", (docker, _, [a = ""]) => docker.rename(a, name("a.bak"))],
  [
    "create under the name that is free now",
    async (docker, image, ids) => {
      ids.push(await docker.create(name("a"), spec(image)));
    },
  ],
  ["rename to a taken name", (docker, _, [, b = ""]) => docker.rename(b, name("a.bak"))],
  ["stop", (docker, _, [a = ""]) => docker.stop(a)],
  ["stop again", (docker, _, [a = ""]) => docker.stop(a)],
  [
    "update of a stopped one",
    (docker, _, [a = ""]) => docker.setRestartPolicy(a, { Name: "no", MaximumRetryCount: 0 }),
  ],
  ["start of the other", (docker, _, [, b = ""]) => docker.start(b)],
  ["update of a running one", (docker, _, [, b = ""]) => docker.setRestartPolicy(b, { Name: "always" })],
  ["restart", (docker, _, [, b = ""]) => docker.restart(b)],
  ["restart of a stopped one", (docker, _, [a = ""]) => docker.restart(a)],
  ["stop for the end", (docker, _, [a = ""]) => docker.stop(a)],
  ["remove", (docker, _, [a = ""]) => docker.remove(a)],
  ["remove again", (docker, _, [a = ""]) => docker.remove(a)],
  ["start of a missing one", (docker) => docker.start(NOWHERE)],
  ["stop of a missing one", (docker) => docker.stop(NOWHERE)],
  ["restart of a missing one", (docker) => docker.restart(NOWHERE)],
  ["kill of a missing one", (docker) => docker.kill(NOWHERE, "HUP")],
  ["rename of a missing one", (docker) => docker.rename(NOWHERE, name("x"))],
  ["update of a missing one", (docker) => docker.setRestartPolicy(NOWHERE, { Name: "no" })],
  ["exec in a missing one", (docker) => docker.exec(NOWHERE, ["true"], 5_000)],
  ["inspect of a missing one", (docker) => docker.inspect(NOWHERE)],
  ["inspect by name", (docker) => look(docker, name("a"))],
  ["image of a missing name", (docker) => docker.image("sc-unit-no-such-image")],
];

async function run(docker: DockerPort, image: string): Promise<string[]> {
  const ids: string[] = [];
  const answers: string[] = [];
  for (const [what, step] of STEPS) {
    const answer = await step(docker, image, ids).then(
      (value) => JSON.stringify(value ?? null),
      (thrown: unknown) => (thrown instanceof EngineRefusal ? `refused ${thrown.status}` : String(thrown)),
    );
    const seen = await Promise.all(ids.map((id) => look(docker, id)));
    answers.push(`${what}: ${answer.replace(/^"[0-9a-f]{64}"$/, "an id")}, then ${JSON.stringify(seen)}`);
  }
  return answers;
}

test("the same calls have the same answers and leave the same containers", async () => {
  const fake = await run(new FakeEngine(new FakeClock()).connect(), IMAGE_NAME);
  expect(fake).toEqual(await run(real, REAL_IMAGE));
});
