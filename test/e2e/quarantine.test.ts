/** A key that the exchange refuses: the way back, and what is tried again. */
import { expect, test } from "vitest";
import { useStack, watch } from "./harness/fixture.ts";
import { bot } from "./harness/model.ts";
import { masked, type Stack } from "./harness/stack.ts";
import { badKey, randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";

const shared = { labels: { "sidecrypt.secrets": "SHARED_API_KEY" } };

const stackOf = useStack({
  secrets: { BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue(), SHARED_API_KEY: randomValue() },
  services: {
    bot1: bot("BOT1_API_KEY"),
    bot2: bot("BOT2_API_KEY"),
    bot3: bot("SHARED_API_KEY", shared),
    bot4: bot("SHARED_API_KEY", shared),
  },
});

/** From wherever the test before left it: everyone current, on keys that work. */
async function settled(): Promise<Stack> {
  const stack = stackOf();
  const { consumers } = await stack.status();
  const bad = new Set(consumers.filter(({ state }) => state !== "current").map(({ service }) => service));
  await stack.bundle.set({
    ...(bad.has("bot1") ? { BOT1_API_KEY: randomValue() } : {}),
    ...(bad.has("bot3") || bad.has("bot4") ? { SHARED_API_KEY: randomValue() } : {}),
  });
  await stack.waitCommitted();
  return stack;
}

async function rollBad(stack: Stack): Promise<void> {
  await stack.bundle.set({ BOT1_API_KEY: badKey() });
  await stack.waitLooked();
  await stack.waitState("bot1", "quarantined");
}

/** With bot1 on a key that was tried and refused. */
async function quarantined(): Promise<Stack> {
  const stack = stackOf();
  if ((await stack.consumer("bot1")).state !== "quarantined") await rollBad(await settled());
  return stack;
}

test("a bot that turns unhealthy on its new key must be back in its old container on its old file", async () => {
  const stack = await settled();
  const before = await stack.ids();
  const old = await stack.file("bot1", "BOT1_API_KEY");

  await rollBad(stack);

  expect(await stack.ids()).toEqual(before);
  expect(await stack.file("bot1", "BOT1_API_KEY")).toBe(old);
  expect(await stack.bot("bot1")).toMatchObject({ apiKey: masked(old), exchange: "accepted" });
  const container = await stack.inspect("bot1");
  expect(container.Name).toBe(`/${stack.project}-bot1-1`);
  expect(container.State.Health?.Status).toBe("healthy");
  const status = await stack.status();
  expect(status.healthy).toBe(true);
  expect(status.quarantine).toMatchObject([{ services: ["bot1"] }]);
});

test("status must name a quarantined bot, its reason and the way to try again, and end with the class of a roll", async () => {
  const stack = await quarantined();

  const { code, stdout } = await stack.sidecrypt("status");

  expect(code).toBe(7);
  expect(stdout).toMatch(/^needs attention: .*bot1/);
  expect(stdout).toMatch(/bot1: quarantined .*unhealthy/);
  expect(stdout).toContain("sidecrypt retry bot1");
});

test("plan must name a change that is held, for whom and why, and must do nothing", async () => {
  const stack = await quarantined();
  const lives = await stack.lives();

  const { code, stdout } = await stack.sidecrypt("plan");

  expect(code).toBe(0);
  expect(stdout).toMatch(/bot1/);
  expect(stdout).toMatch(/quarantined/);
  expect(await stack.lives()).toEqual(lives);
});

test("retry must try a quarantined key once more, and say so", async () => {
  const stack = await quarantined();
  const events = watch(stack);

  const { code, stderr } = await stack.sidecrypt("retry", "bot1");

  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("trying again: bot1") as string });
  await events.next("bot1", "create");
  await waitUntil("bot1 is quarantined again", async () => {
    const { state, containers } = await stack.consumer("bot1");
    return state === "quarantined" && containers.length === 1;
  });
  expect(events.of("bot1", "create")).toHaveLength(1);
});

test("a quarantined key must not be tried again by a sidecar that was restarted", async () => {
  const stack = await quarantined();
  const events = watch(stack);

  await stack.compose("restart", "secrets");
  await stack.waitState("bot1", "quarantined");
  await stack.bundle.set({ BOT2_API_KEY: randomValue() });
  await stack.waitLooked();
  await stack.waitState("bot2", "current");

  expect(events.of("bot1", "create").concat(events.of("bot1", "start"))).toEqual([]);
  expect((await stack.consumer("bot1")).state).toBe("quarantined");
});

test("a quarantined key must not be tried again, whatever else happens, until a newer one is set", async () => {
  const stack = await quarantined();
  const events = watch(stack);

  await stack.bundle.touch();
  await stack.bundle.reencrypt();
  await stack.waitLooked();
  const other = randomValue();
  await stack.bundle.set({ BOT2_API_KEY: other });
  await stack.waitLooked();
  await stack.waitState("bot2", "current");

  expect(await stack.file("bot2", "BOT2_API_KEY")).toBe(other);
  expect(events.of("bot1", "create").concat(events.of("bot1", "start"))).toEqual([]);
  expect((await stack.consumer("bot1")).state).toBe("quarantined");

  const key = randomValue();
  await stack.bundle.set({ BOT1_API_KEY: key });
  const status = await stack.waitCommitted();
  expect(status.quarantine).toEqual([]);
  expect(events.of("bot1", "create")).toHaveLength(1);
  expect(await stack.bot("bot1")).toMatchObject({ apiKey: masked(key), exchange: "accepted" });
});

test("a bad key that two bots share must stop at the first of them", async () => {
  const stack = await settled();
  const events = watch(stack);
  const before = await stack.ids();
  const old = await stack.file("bot3", "SHARED_API_KEY");

  await stack.bundle.set({ SHARED_API_KEY: badKey() });
  await stack.waitLooked();
  const status = await waitUntil("one is quarantined, the other held", async () => {
    const now = await stack.status();
    const states = now.consumers.filter(({ service }) => /bot[34]/.test(service)).map(({ state }) => state);
    return states.sort().join() === "held,quarantined" && now;
  });

  expect([...events.of("bot3", "create"), ...events.of("bot4", "create")]).toHaveLength(1);
  expect(await stack.ids()).toEqual(before);
  expect(await stack.file("bot3", "SHARED_API_KEY")).toBe(old);
  expect(await stack.file("bot4", "SHARED_API_KEY")).toBe(old);
  expect(status.healthy).toBe(true);
});

test("retry must say that there is nothing to try again", async () => {
  const stack = await settled();

  const { code, stderr } = await stack.sidecrypt("retry");

  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("nothing is quarantined") as string });
});
