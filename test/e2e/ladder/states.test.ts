/** Containers that do not simply run (H39, DESIGN.md rule 8): what is delivered to them, and who is left alone. */
import { expect, onTestFinished, test } from "vitest";
import { useStack, watch } from "../harness/fixture.ts";
import { heldLabels, letFail, letPass, midRoll } from "../harness/gated.ts";
import { loaded, shell } from "../harness/shell.ts";
import { SIDECAR, type Stack } from "../harness/stack.ts";
import { badKey, randomValue } from "../harness/values.ts";
import { waitUntil } from "../harness/wait.ts";

const KEYS: Readonly<Record<string, string>> = {
  job: "JOB_KEY",
  later: "LATER_KEY",
  bot1: "BOT1_KEY",
  server: "SERVER_KEY",
  client: "CLIENT_KEY",
  crashing: "CRASHING_KEY",
};

/** Started by the tests that need it. */
const onDemand = { profiles: ["on-demand"] };

const stackOf = useStack({
  secrets: Object.fromEntries(Object.values(KEYS).map((name) => [name, randomValue()])),
  services: {
    job: shell("JOB_KEY", { ...onDemand, health: null, then: "exit 0" }),
    afterwards: {
      ...onDemand,
      image: "sidecrypt-bot",
      entrypoint: ["sleep", "1000"],
      healthcheck: { disable: true },
      depends_on: { job: { condition: "service_completed_successfully" } },
    },
    later: shell("LATER_KEY", onDemand),
    bot1: shell("BOT1_KEY"),
    server: shell("SERVER_KEY", { labels: heldLabels("SERVER_KEY") }),
    client: shell("CLIENT_KEY", { depends_on: { server: { condition: "service_healthy" } } }),
    crashing: shell("CRASHING_KEY", { restart: "always", then: "test ! -e /tmp/crash || exit 1" }),
  },
});

/** From wherever the test before left it: every service but the ones on demand runs, on a key that works. */
async function settled(): Promise<Stack> {
  const stack = stackOf();
  const { consumers } = await stack.status();
  const behind = consumers.filter(({ state }) => state !== "current").map(({ service }) => service);
  if (behind.length > 0) {
    await stack.bundle.set(Object.fromEntries(behind.map((service) => [KEYS[service]!, randomValue()])));
  }
  await stack.waitCommitted();
  return stack;
}

/** A look that comes after everything before it: what was to be done earlier, has been. */
async function rollBot1(stack: Stack): Promise<void> {
  const key = randomValue();
  await stack.bundle.set({ BOT1_KEY: key });
  await stack.waitLooked();
  await waitUntil("bot1 is on its new key", async () => (await loaded(stack, "bot1")) === key);
  await stack.waitState("bot1", "current");
}

/** Started by hand, it has what came while it did not run. */
async function expectStartsOn(stack: Stack, service: string, key: string): Promise<void> {
  await stack.compose("start", service);
  await waitUntil(`${service} has read its key`, async () => (await loaded(stack, service)) === key);
  await stack.waitCommitted();
}

test("H39: a one-off container must be left alone when its service is rolled", async () => {
  const stack = await settled();
  const id = (await stack.compose("run", "--detach", "bot1")).trim();
  onTestFinished(async () => {
    await stack.engine.tryDocker("rm", "--force", id);
  });
  const [before] = await stack.engine.inspect([id]);
  const [service] = (await stack.containersOf("bot1")).filter(({ Id }) => Id !== before?.Id);
  const key = randomValue();

  await stack.bundle.set({ BOT1_KEY: key });
  await stack.waitCommitted();

  const [after] = await stack.engine.inspect([id]);
  expect(after?.State).toMatchObject({ Running: true, StartedAt: before?.State.StartedAt });
  const others = (await stack.containersOf("bot1")).filter(({ Id }) => Id !== before?.Id);
  expect(others.map(({ Id }) => Id)).not.toEqual([service?.Id]);
  expect(await stack.engine.docker("exec", others[0]!.Id, "cat", "/tmp/loaded")).toBe(key);
});

test("H39: a completed job must not be run again when its key changes, nor the service that waited for it be touched", async () => {
  const stack = await settled();
  await stack.compose("--profile", "on-demand", "up", "--detach", "afterwards");
  const { job, afterwards } = await stack.lives();
  const events = watch(stack);

  await stack.bundle.set({ JOB_KEY: randomValue() });
  await stack.waitCommitted();
  await rollBot1(stack);

  expect(await stack.lives()).toMatchObject({ job, afterwards });
  expect(events.all.filter(({ service }) => service === "job" || service === "afterwards")).toEqual([]);
});

test("a container that was created and never started must get its file and not be started", async () => {
  const stack = await settled();
  await stack.compose("--profile", "on-demand", "create", "later");
  const key = randomValue();

  await stack.bundle.set({ LATER_KEY: key });
  await stack.waitCommitted();
  await rollBot1(stack);

  expect((await stack.inspect("later")).State.Status).toBe("created");
  await expectStartsOn(stack, "later", key);
});

test("a paused container must get its file, be named, stay paused, and use the new key once it is unpaused", async () => {
  const stack = await settled();
  await stack.compose("pause", "bot1");
  onTestFinished(async () => {
    await stack.tryCompose("unpause", "bot1");
  });
  const key = randomValue();

  await stack.bundle.set({ BOT1_KEY: key });
  await stack.waitLooked();
  const line = await waitUntil("the log names it", async () => {
    return (await stack.log()).find(({ event, subject }) => event === "plan-warning" && subject === "bot1");
  });
  expect(line["message"]).toContain(`${stack.project}-bot1-1 is paused`);
  expect((await stack.inspect("bot1")).State.Status).toBe("paused");

  await stack.compose("unpause", "bot1");
  await waitUntil("bot1 is on its new key", async () => (await loaded(stack, "bot1")) === key);
  await stack.waitCommitted();
  expect((await stack.containersOf("bot1")).map(({ State }) => State.Status)).toEqual(["running"]);
});

async function crash(stack: Stack): Promise<void> {
  const { Id } = await stack.inspect("crashing");
  await stack.exec("crashing", "sh", "-c", "touch /tmp/crash; kill 1");
  await waitUntil("it loops through crashes", async () => {
    const { RestartCount, State } = await stack.inspect("crashing");
    return RestartCount >= 2 && State.Status === "restarting";
  });
  expect((await stack.inspect("crashing")).Id).toBe(Id);
}

test("a container that loops through crashes must be rolled as one that runs", async () => {
  const stack = await settled();
  await crash(stack);
  const key = randomValue();

  await stack.bundle.set({ CRASHING_KEY: key });
  await stack.waitCommitted();

  expect(await loaded(stack, "crashing")).toBe(key);
  expect(await stack.inspect("crashing")).toMatchObject({ RestartCount: 0, State: { Running: true } });
});

test("a container stopped by hand must get its file and not be started while another one's unit is rolled", async () => {
  const stack = await settled();
  const [key, other] = [randomValue(), randomValue()];
  const roll = await midRoll(stack, "server", "SERVER_KEY");
  await stack.compose("stop", "bot1");

  await stack.bundle.set({ BOT1_KEY: key, CLIENT_KEY: other });
  await letPass(stack, roll);
  await stack.waitCommitted();

  expect(await loaded(stack, "client")).toBe(other);
  expect((await stack.inspect("bot1")).State.Status).toBe("exited");
  await expectStartsOn(stack, "bot1", key);
});

test("a container stopped by hand must get its file and not be started by a sidecar that starts", async () => {
  const stack = await settled();
  const key = randomValue();
  await stack.compose("stop", "bot1");
  await stack.engine.docker("kill", "--signal", "KILL", `${stack.project}-${SIDECAR}-1`);

  await stack.bundle.set({ BOT1_KEY: key, CLIENT_KEY: randomValue() });
  await stack.compose("start", SIDECAR);
  await stack.waitCommitted();

  expect((await stack.inspect("bot1")).State.Status).toBe("exited");
  await expectStartsOn(stack, "bot1", key);
});

test("a client stopped by hand must not be started by the roll of its server's unit, nor by its way back", async () => {
  const stack = await settled();
  await stack.compose("stop", "client");
  const { client } = await stack.lives();
  const old = await stack.file("server", "SERVER_KEY");
  const roll = await midRoll(stack, "server", "SERVER_KEY", { CLIENT_KEY: randomValue() });

  await letFail(stack, roll);
  await stack.waitLooked();
  await stack.waitState("server", "quarantined");

  expect(await loaded(stack, "server")).toBe(old);
  expect((await stack.lives())["client"]).toBe(client);
  expect((await stack.inspect("client")).State.Status).toBe("exited");

  const key = randomValue();
  await stack.bundle.set({ SERVER_KEY: randomValue(), CLIENT_KEY: key });
  await stack.waitCommitted();
  expect((await stack.lives())["client"]).toBe(client);
  await expectStartsOn(stack, "client", key);
});

test("a container that looped through crashes must be back as it was when its new one fails, and nobody be needed", async () => {
  const stack = await settled();
  await crash(stack);
  const { Id, HostConfig } = await stack.inspect("crashing");

  await stack.bundle.set({ CRASHING_KEY: badKey() });
  await stack.waitLooked();
  await stack.waitState("crashing", "quarantined");

  expect(await stack.inspect("crashing")).toMatchObject({
    Id,
    HostConfig: { RestartPolicy: HostConfig["RestartPolicy"] },
  });
});

test("H39: a Swarm task must be named and left alone, and keep nobody else from the new keys", async () => {
  const stack = await settled();
  const labels = [
    `com.docker.compose.project=${stack.project}`,
    "com.docker.compose.service=task",
    "com.docker.compose.container-number=1",
    "com.docker.swarm.service.id=0123456789abcdefghijklmno",
    "sidecrypt.secrets=BOT1_KEY",
  ].flatMap((label) => ["--label", label]);
  const volume = `${stack.project}_job-secrets:/run/secrets:ro,nocopy`;
  const command = ["--entrypoint", "sleep", "sidecrypt-bot", "1000"];
  const id = (await stack.engine.docker("run", "--detach", ...labels, "--volume", volume, ...command)).trim();
  onTestFinished(async () => {
    await stack.engine.tryDocker("rm", "--force", id);
  });
  const [before] = await stack.engine.inspect([id]);

  const status = await stack.waitState("task", "refused");
  await rollBot1(stack);

  expect(status.consumers.find(({ service }) => service === "task")?.reason).toContain("Swarm");
  const [after] = await stack.engine.inspect([id]);
  expect(after?.State).toMatchObject({ Running: true, StartedAt: before?.State.StartedAt });
});

test("H39: an old container that the engine cannot remove must be left dead, be told of once, and keep nobody from the new keys", async () => {
  const stack = await settled();
  const { Id } = await stack.inspect("bot1");
  const release = await holdLayer(stack, Id);
  onTestFinished(async () => {
    await release();
    await stack.engine.docker("rm", Id);
  });

  await rollBot1(stack);
  await rollBot1(stack);

  const states = (await stack.containersOf("bot1")).map((one) => [one.Id === Id, one.State.Status]);
  expect(states.toSorted()).toEqual([
    [false, "running"],
    [true, "dead"],
  ]);
  const said = (await stack.log()).filter(({ event }) => event === "container-dead" || event === "commit-unfinished");
  expect(said).toMatchObject([
    { event: "container-dead", container: `${stack.project}-bot1-1.bak.${Id.slice(0, 12)}` },
  ]);
});

/** The engine cannot remove the container until this is released: a file of its layer resists, as one in use may. */
async function holdLayer(stack: Stack, id: string): Promise<() => Promise<void>> {
  const layer = await stack.engine.docker("inspect", "--format", "{{.GraphDriver.Data.UpperDir}}", id);
  const inLayer = async (command: string): Promise<void> => {
    const options = ["--rm", "--user", "0", "--cap-add", "LINUX_IMMUTABLE", "--volume", `${layer.trim()}:/layer`];
    await stack.engine.docker("run", ...options, "--entrypoint", "sh", "sidecrypt-bot", "-c", command);
  };
  await inLayer("touch /layer/held && chattr +i /layer/held");
  return () => inLayer("chattr -i /layer/held");
}
