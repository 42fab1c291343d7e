/** What people do in the middle of a roll stands, and never leaves two bots running on one account. */
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { useStack } from "./harness/fixture.ts";
import { disorder, letPass, gatedBot, midRoll, settle, waitOrder } from "./harness/gated.ts";
import { bot } from "./harness/model.ts";
import { masked, type Stack } from "./harness/stack.ts";
import { randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";

const stackOf = useStack({
  secrets: { BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue(), HASTY_API_KEY: randomValue() },
  services: {
    bot1: gatedBot("BOT1_API_KEY"),
    bot2: bot("BOT2_API_KEY"),
    hasty: gatedBot("HASTY_API_KEY", { "sidecrypt.health-timeout": "6s" }),
  },
});

const BOTS = ["bot1", "bot2", "hasty"];

beforeEach(() => settle(stackOf(), BOTS, { BOT1_API_KEY: randomValue(), HASTY_API_KEY: randomValue() }));

async function runningBots(stack: Stack): Promise<string[]> {
  return (await stack.containersOf("bot1")).filter((one) => one.State.Running).map((one) => one.Id);
}

/** From the start of a backup to the order that ends it. */
const LONGEST_MS = 1500;
/** Docker's own grace period: a process that has just begun may not listen for SIGTERM yet. */
const GRACE_SECONDS = 15;

const NANOSECONDS_A_MS = 1e6;

test("a backup that somebody starts in the middle of a roll must be told to stop at once", async () => {
  const stack = stackOf();
  const roll = await midRoll(stack, "bot1", "BOT1_API_KEY");
  const events = stack.events();
  onTestFinished(() => {
    events.close();
  });
  const ofBackup = (action: string) => events.of("bot1", action).find(({ container }) => container === roll.old.Id);

  // As Compose's own `start` does it, up to its version 2; later ones leave the backup alone.
  await stack.engine.docker("start", roll.old.Id);
  const [started, killed] = await waitUntil("the backup was started, and told to stop", () => {
    const found = [ofBackup("start"), ofBackup("kill")] as const;
    return found[0] !== undefined && found[1] !== undefined && ([found[0], found[1]] as const);
  });
  expect((killed.time - started.time) / NANOSECONDS_A_MS).toBeLessThan(LONGEST_MS);
  await waitUntil(
    "the backup does not run",
    async () => !(await runningBots(stack)).includes(roll.old.Id),
    GRACE_SECONDS,
  );

  await letPass(stack, roll);
  await stack.waitCommitted();
  await waitOrder(stack, BOTS);
  expect(await stack.bot("bot1")).toMatchObject({ apiKey: masked(roll.key) });
});

test("docker compose restart in the middle of a roll must leave one bot, on one complete generation", async () => {
  const stack = stackOf();
  const roll = await midRoll(stack, "bot1", "BOT1_API_KEY");

  await stack.compose("restart", "bot1");
  await waitUntil("one bot1 runs", async () => (await runningBots(stack)).length === 1, GRACE_SECONDS);
  await waitUntil("the roll has ended", async () => {
    // The new one may go on or go back: both are an end, and only the one that runs can be told to pass.
    const candidate = await stack.running("bot1");
    if (candidate.Id !== roll.old.Id) await letPass(stack, { ...roll, candidate });
    return (await disorder(stack, ["bot1"])).length === 0;
  });

  const file = await stack.file("bot1", "BOT1_API_KEY");
  expect(await stack.bot("bot1")).toMatchObject({ apiKey: masked(file) });
});

test("docker compose up in the middle of a roll must leave one bot, on one complete generation", async () => {
  const stack = stackOf();
  const roll = await midRoll(stack, "bot1", "BOT1_API_KEY");

  await stack.compose("up", "--detach", "bot1");
  await waitUntil("one bot1 runs", async () => (await runningBots(stack)).length === 1, GRACE_SECONDS);
  await waitUntil("the roll has ended", async () => {
    await letPass(stack, { ...roll, candidate: await stack.running("bot1") });
    return (await disorder(stack, ["bot1"])).length === 0;
  });

  const file = await stack.file("bot1", "BOT1_API_KEY");
  expect(await stack.bot("bot1")).toMatchObject({ apiKey: masked(file) });
});

test("a roll that fails once somebody has removed the backup must leave the new bot running", async () => {
  const stack = stackOf();
  const roll = await midRoll(stack, "hasty", "HASTY_API_KEY");

  // As Compose's `up` does it in some versions; others remove the new one.
  await stack.engine.docker("rm", "--force", roll.old.Id);
  await waitUntil("the gate has failed", async () => (await stack.consumer("hasty")).state !== "rolling");

  await waitOrder(stack, BOTS);
  expect((await stack.inspect("hasty")).Id).toBe(roll.candidate.Id);
});

test("docker compose stop in the middle of a roll must leave the bot stopped, with the new file for its next start", async () => {
  const stack = stackOf();
  const roll = await midRoll(stack, "bot1", "BOT1_API_KEY");

  await stack.compose("stop", "bot1");
  await waitUntil("one container of bot1 is left", async () => (await stack.containersOf("bot1")).length === 1);
  await stack.bundle.set({ BOT2_API_KEY: randomValue() });
  await stack.waitCommitted();

  const stopped = await stack.inspect("bot1");
  expect(stopped.Name).toBe(`/${stack.project}-bot1-1`);
  expect(stopped.State.Running).toBe(false);

  await stack.compose("start", "bot1");
  await waitUntil("bot1 has read its key", async () => (await stack.bot("bot1")).apiKey === masked(roll.key));
  await stack.waitCommitted();
});

test("docker compose down in the middle of a roll must leave no container", async () => {
  const stack = stackOf();
  await midRoll(stack, "bot1", "BOT1_API_KEY");

  await stack.compose("down");

  expect(await stack.containers()).toEqual([]);
});
