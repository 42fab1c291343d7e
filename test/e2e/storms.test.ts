/** How often and how many at once: the interval, the budget and several units, on a real engine. */
import { expect, test } from "vitest";
import { useStack, watch } from "./harness/fixture.ts";
import { gatedBot, letPass, midRoll } from "./harness/gated.ts";
import { bot, sidecarEnvironment } from "./harness/model.ts";
import { badKey, randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";

const INTERVAL_MS = 4_000;
const shared = { labels: { "sidecrypt.secrets": "SHARED_API_KEY" } };

const stackOf = useStack({
  secrets: {
    BOT1_API_KEY: randomValue(),
    BOT2_API_KEY: randomValue(),
    BOT3_API_KEY: randomValue(),
    SHARED_API_KEY: randomValue(),
  },
  services: {
    bot1: gatedBot("BOT1_API_KEY"),
    bot2: bot("BOT2_API_KEY"),
    // No container of it is replaced, so that its rolls are quick.
    bot3: bot("BOT3_API_KEY", { labels: { "sidecrypt.on-change": "restart" } }),
    bot4: bot("SHARED_API_KEY", shared),
    bot5: bot("SHARED_API_KEY", shared),
  },
  sidecar: {
    environment: sidecarEnvironment({
      SIDECRYPT_PARALLELISM: "2",
      SIDECRYPT_MIN_INTERVAL: `${INTERVAL_MS}ms`,
      SIDECRYPT_BUDGET: "3/10m",
    }),
  },
});

const seconds = (count: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, count * 1000));

test("H46: a bundle that flips every second must roll a bot at most once in an interval, and to the newest in the end", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  const events = watch(stack);
  const keys = Array.from({ length: 6 }, () => randomValue());

  for (const key of keys) {
    await stack.bundle.set({ BOT2_API_KEY: key });
    await seconds(1);
  }
  await stack.waitCommitted();

  const times = events.of("bot2", "create").map(({ time }) => time / 1e6);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  expect(times.length).toBeGreaterThanOrEqual(2);
  expect(times.length).toBeLessThanOrEqual(3);
  // The candidate is made some calls after the start that counts: a little less is no sooner.
  expect(Math.min(...gaps)).toBeGreaterThan(INTERVAL_MS - 500);
  expect(await stack.file("bot2", "BOT2_API_KEY")).toBe(keys.at(-1));
});

test("two units must be rolled at once where the setting says so, the second without waiting for the first", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  const before = await stack.ids();
  const roll = await midRoll(stack, "bot1", "BOT1_API_KEY");
  const key = randomValue();

  await stack.bundle.set({ BOT3_API_KEY: key });
  await waitUntil("bot3 has its new key", async () => (await stack.bot("bot3")).apiKey.endsWith(key.slice(-4)));
  expect((await stack.consumer("bot1")).state).toBe("rolling");

  await letPass(stack, roll);
  await stack.waitCommitted();
  expect((await stack.ids())["bot1"]).toBe(roll.candidate.Id);
  expect((await stack.ids())["bot3"]).toBe(before["bot3"]);
});

test("one bad key that two bots share must stop at the first of them, also where two are rolled at once", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  const events = watch(stack);
  const before = await stack.ids();
  const old = await stack.file("bot4", "SHARED_API_KEY");

  await stack.bundle.set({ SHARED_API_KEY: badKey() });
  await waitUntil("one is quarantined, the other held", async () => {
    const states = (await stack.status()).consumers.filter(({ service }) => /bot[45]/.test(service));
    return (
      states
        .map(({ state }) => state)
        .sort()
        .join() === "held,quarantined"
    );
  });

  expect([...events.of("bot4", "create"), ...events.of("bot5", "create")]).toHaveLength(1);
  expect(await stack.ids()).toEqual(before);
  await stack.bundle.set({ SHARED_API_KEY: old });
  await stack.waitCommitted();
});

test("H46: past the budget the circuit must be open, with an alert, a status and a way out, and hold nobody else", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  await stack.sidecrypt("retry");
  const key = (): Promise<void> => stack.bundle.set({ BOT3_API_KEY: randomValue() });
  for (let rolls = 0; rolls < 3; rolls++) {
    await key();
    await stack.waitCommitted();
  }
  const [lives, file] = [await stack.lives(), await stack.file("bot3", "BOT3_API_KEY")];

  await key();
  await stack.waitLooked();
  await waitUntil("the circuit is open", async () => (await stack.consumer("bot3")).code === "budget-spent");

  const { code, stdout } = await stack.sidecrypt("status");
  expect(code).toBe(7);
  expect(stdout).toMatch(/^needs attention: 1 of 5 consumers: bot3/);
  expect(stdout).toMatch(
    /bot3: waiting: .*rolled 3 times within 10m.*\[budget-spent\]\n {2}hint: .*sidecrypt retry bot3/,
  );
  expect((await stack.status()).healthy).toBe(true);
  const alerts = (await stack.log()).filter(({ event }) => event === "circuit-open");
  expect(alerts).toMatchObject([{ level: "error", services: ["bot3"], code: "budget-spent" }]);

  const other = randomValue();
  await stack.bundle.set({ BOT2_API_KEY: other });
  await waitUntil("bot2 has its new key", async () => (await stack.file("bot2", "BOT2_API_KEY")) === other);
  expect((await stack.lives())["bot3"]).toBe(lives["bot3"]);
  expect(await stack.file("bot3", "BOT3_API_KEY")).toBe(file);

  const retried = await stack.sidecrypt("retry", "bot3");
  expect(retried.stderr).toContain("trying again: bot3");
  await stack.waitCommitted();
  expect((await stack.lives())["bot3"]).not.toBe(lives["bot3"]);
});
