/** An engine that ends takes the drops' content with it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { losesVolumes } from "../../src/verify/surroundings.ts";
import { useStack, withStack } from "./harness/fixture.ts";
import { FORGERIES } from "./harness/forge.ts";
import { bot, redis } from "./harness/model.ts";
import { PrivateEngine } from "./harness/private-engine.ts";
import { masked, SIDECAR, type Stack } from "./harness/stack.ts";
import { randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";
import { GOOD, KEY, Walker } from "./harness/walk.ts";

let engine: PrivateEngine;

beforeAll(async () => {
  engine = await PrivateEngine.start(["sidecrypt", "sidecrypt-bot", "sidecrypt-redis"]);
});

afterAll(() => engine.remove());

const BOTS = { bot1: "BOT1_API_KEY", bot2: "BOT2_API_KEY" } as const;
const restart = "unless-stopped";

const stackOf = useStack(
  {
    secrets: { BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue(), REDIS_PASSWORD: randomValue() },
    services: {
      redis: redis({ restart }),
      bot1: bot("BOT1_API_KEY", { redis: true, restart }),
      bot2: bot("BOT2_API_KEY", { redis: true, restart }),
    },
  },
  () => engine,
);

const WAYS = {
  "told to stop": async () => {
    await engine.stopDaemon("SIGTERM");
    await engine.startDaemon();
  },
  killed: async () => {
    await engine.stopDaemon("SIGKILL");
    await engine.startDaemon();
    // This engine ends the containers that outlived it as if by hand, and does not start them again.
    await stackOf().compose("start");
  },
  "without power": async () => {
    await engine.powerOff();
    await engine.powerOn();
  },
};

async function expectAllOn(stack: Stack, secrets: Readonly<Record<string, string>>): Promise<void> {
  for (const [service, name] of Object.entries(BOTS)) {
    await waitUntil(`${service} is healthy, and logged in, on its last good key`, async () => {
      const { State } = await stack.inspect(service);
      const { apiKey, redis: login } = await stack.bot(service);
      return State.Health?.Status === "healthy" && login === "logged-in" && apiKey === masked(secrets[name]!);
    });
  }
  // One that is healthy may still be restarted, since it came before its files.
  await waitUntil("all is at rest", async () => {
    const status = await stack.tryStatus();
    return status?.consumers.every(({ state }) => state === "current") === true;
  });
  for (const [service, name] of Object.entries(BOTS)) {
    expect(await stack.files(service)).toEqual({ [name]: secrets[name], REDIS_PASSWORD: secrets["REDIS_PASSWORD"] });
  }
}

test.each(Object.keys(WAYS) as (keyof typeof WAYS)[])(
  "an engine %s must come back with every bot on its last good values, though the bundle is forged meanwhile",
  async (way) => {
    const stack = stackOf();
    const secrets = { ...stack.definition.secrets, BOT1_API_KEY: randomValue() };
    await stack.bundle.write(secrets);
    await stack.waitCommitted();
    const ids = await stack.ids();
    const good = Buffer.from(await stack.bundle.bytes()).toString();
    await stack.bundle.replace(FORGERIES["whose value is plaintext"]!(good, "BOT1_API_KEY", "BOT2_API_KEY"));
    await stack.waitLooked();

    await WAYS[way]();
    await expectAllOn(stack, secrets);

    expect(await stack.ids()).toEqual(ids);
    expect((await stack.waitLooked()).bundle.state).toBe("refused");
    const key = randomValue();
    await stack.bundle.replace(good);
    await stack.bundle.set({ BOT2_API_KEY: key });
    await stack.waitCommitted();
    expect(await stack.bot("bot2")).toMatchObject({ apiKey: masked(key), exchange: "accepted" });
  },
);

test("a restart in place that the engine's end cuts off between stop and start is finished", async () => {
  const slow = bot("BOT1_API_KEY", {
    restart,
    labels: { "sidecrypt.on-change": "restart" },
    // It has to be killed: there is time to cut it off.
    stop_signal: "SIGWINCH",
    stop_grace_period: "5s",
  });
  const key = randomValue();
  const cutOff = async (stack: Stack): Promise<void> => {
    await stack.up();
    const { Id } = await stack.inspect("bot1");
    const since = String(Math.floor(Date.now() / 1_000));
    await stack.bundle.set({ BOT1_API_KEY: key });
    await waitUntil("it is being restarted in place", async () => {
      const filters = ["--filter", "event=kill", "--filter", `container=${Id}`];
      return (await engine.docker("events", "--since", since, "--until", "0s", ...filters)) !== "";
    });
    await WAYS["without power"]();
    await waitUntil("it runs on the new key", async () => {
      const { apiKey, exchange } = await stack.bot("bot1");
      return apiKey === masked(key) && exchange === "accepted";
    });
    expect((await stack.inspect("bot1")).Id).toBe(Id);
  };
  await withStack({ secrets: { BOT1_API_KEY: randomValue() }, services: { bot1: slow } }, cutOff, engine);
});

async function restartWithLiveRestore(): Promise<void> {
  await engine.stopDaemon("SIGTERM");
  await engine.startDaemon("--live-restore=true");
}

test("an engine with live-restore that makes its socket anew is found again", async () => {
  const stack = stackOf();
  const before = { ...stack.definition.secrets, BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue() };
  await stack.bundle.write(before);
  await expectAllOn(stack, before);
  await restartWithLiveRestore();
  // Until then there are restarts in place, and what they start outlives the engine.
  await expectAllOn(stack, before);
  const { StartedAt } = (await stack.inspect(SIDECAR)).State;
  await restartWithLiveRestore();

  const secrets = { ...before, BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue() };
  await stack.bundle.write(secrets);
  await expectAllOn(stack, secrets);
  expect((await stack.inspect(SIDECAR)).State.StartedAt).not.toBe(StartedAt);
});

test("an engine with live-restore that lost count of the drops' mounts has its rolls refused, and nothing touched", async () => {
  await restartWithLiveRestore();
  const walker = await Walker.start([{ name: "bot", refuses: "bad-" }], engine);
  try {
    const { Id, State } = await walker.stack.inspect("bot");
    await restartWithLiveRestore();
    await walker.stack.bundle.set({ [KEY]: randomValue(GOOD) });
    if (!losesVolumes(await engine.version())) {
      expect((await walker.rest()).consumers.map(({ state }) => state)).toEqual(["current"]);
      return;
    }
    await waitUntil("it is refused", async () => {
      return (await walker.stack.log()).some(({ event, code }) => event === "undone" && code === "drop-split");
    });
    const after = await walker.stack.inspect("bot");
    expect([after.Id, after.State.StartedAt, after.State.Running]).toEqual([Id, State.StartedAt, true]);
  } finally {
    await walker.close();
  }
});
