/** A server and its clients are one unit. */
import { expect, onTestFinished, test } from "vitest";
import { useStack } from "./harness/fixture.ts";
import { waitOrder } from "./harness/gated.ts";
import { bot, redis } from "./harness/model.ts";
import { masked, SIDECAR, type Stack } from "./harness/stack.ts";
import { badKey, randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";

const stackOf = useStack({
  secrets: { REDIS_PASSWORD: randomValue(), BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue() },
  services: {
    redis: redis(),
    bot1: bot("BOT1_API_KEY", { redis: true }),
    bot2: bot("BOT2_API_KEY", { redis: true }),
  },
});

/** From wherever the test before left it. */
async function settled(): Promise<Stack> {
  const stack = stackOf();
  const { consumers } = await stack.status();
  if (consumers.some(({ state }) => state !== "current")) await stack.bundle.set({ BOT2_API_KEY: randomValue() });
  await stack.waitCommitted();
  return stack;
}

/** Redis has no password but the one that it read at its start; a bot is logged in with the one that it read. */
async function expectAllLoggedIn(stack: Stack, password: string): Promise<void> {
  for (const service of ["redis", "bot1", "bot2"]) expect(await stack.file(service, "REDIS_PASSWORD")).toBe(password);
  for (const service of ["bot1", "bot2"]) {
    await waitUntil(`${service} is logged in`, async () => (await stack.bot(service)).redis === "logged-in");
    await waitUntil(
      `${service} is healthy`,
      async () => (await stack.inspect(service)).State.Health?.Status === "healthy",
    );
  }
  const health = await stack.exec("redis", "redis-entrypoint", "health");
  expect(health).toMatchObject({ code: 0 });
}

test("a new Redis password must replace Redis first, then its clients, and log all of them in with it", async () => {
  const stack = await settled();
  const before = await stack.ids();
  const password = randomValue();

  await stack.bundle.set({ REDIS_PASSWORD: password });
  await stack.waitCommitted();

  const after = await stack.ids();
  for (const service of ["redis", "bot1", "bot2"]) expect(after[service]).not.toBe(before[service]);
  const started = async (service: string): Promise<string> => (await stack.inspect(service)).State.StartedAt;
  expect((await started("redis")) < (await started("bot1"))).toBe(true);
  expect((await started("redis")) < (await started("bot2"))).toBe(true);
  await expectAllLoggedIn(stack, password);
});

test("a new Redis password beside a key that one bot refuses must put Redis and every bot back on the old password", async () => {
  const stack = await settled();
  const before = await stack.ids();
  const old = await stack.file("redis", "REDIS_PASSWORD");
  const key = await stack.file("bot2", "BOT2_API_KEY");

  await stack.bundle.set({ REDIS_PASSWORD: randomValue(), BOT2_API_KEY: badKey() });
  await stack.waitLooked();
  for (const service of ["redis", "bot1", "bot2"]) await stack.waitState(service, "quarantined", 90);

  expect(await stack.ids()).toEqual(before);
  await expectAllLoggedIn(stack, old);
  expect(await stack.bot("bot2")).toMatchObject({ apiKey: masked(key), exchange: "accepted" });
  expect((await stack.status()).healthy).toBe(true);
});

test.each(["redis", "bot1"])(
  "a sidecar killed at the start of %s in the roll of a password must, started again, log all of them in with it",
  async (service) => {
    const stack = await settled();
    const password = randomValue();
    const events = stack.events();
    onTestFinished(() => {
      events.close();
    });

    await stack.bundle.set({ REDIS_PASSWORD: password });
    await events.next(service, "start");
    await stack.engine.docker("kill", "--signal", "KILL", `${stack.project}-${SIDECAR}-1`);
    await stack.compose("start", SIDECAR);
    await stack.waitCommitted();
    await waitOrder(stack, ["redis", "bot1", "bot2"]);

    await expectAllLoggedIn(stack, password);
  },
);

test("one client's new key must replace that client alone, and leave Redis and the other logged in", async () => {
  const stack = await settled();
  const before = await stack.lives();
  const password = await stack.file("redis", "REDIS_PASSWORD");

  await stack.bundle.set({ BOT1_API_KEY: randomValue() });
  await stack.waitCommitted();

  const after = await stack.lives();
  expect(after["bot1"]).not.toBe(before["bot1"]);
  expect(after).toMatchObject({ redis: before["redis"], bot2: before["bot2"] });
  await expectAllLoggedIn(stack, password);
});
