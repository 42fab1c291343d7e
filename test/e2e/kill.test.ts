/** The sidecar killed or stopped at bad moments: the next start finishes or undoes what it finds. */
import { expect, onTestFinished, test } from "vitest";
import { useStack } from "./harness/fixture.ts";
import { disorder, dropNames, gatedBot, letPass, midRoll, settle, slowKey, waitOrder } from "./harness/gated.ts";
import { bot, sidecarEnvironment } from "./harness/model.ts";
import { masked, SIDECAR, type Stack } from "./harness/stack.ts";
import { badKey, randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";

const BOTS = ["bot1", "bot2"];
/** Of SIDECRYPT_STOP_GRACE; a part of it is for finishing the roll, the rest for the way back. */
const GRACE_SECONDS = 10;

const stackOf = useStack({
  secrets: { BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue() },
  services: { bot1: gatedBot("BOT1_API_KEY"), bot2: bot("BOT2_API_KEY") },
  sidecar: { environment: sidecarEnvironment({ SIDECRYPT_STOP_GRACE: `${GRACE_SECONDS}s` }) },
});

async function settled(): Promise<Stack> {
  const stack = stackOf();
  await settle(stack, BOTS, { BOT1_API_KEY: randomValue() });
  return stack;
}

async function kill(stack: Stack): Promise<void> {
  await stack.engine.docker("kill", "--signal", "KILL", `${stack.project}-${SIDECAR}-1`);
}

async function expectOn(stack: Stack, service: string, name: string, key: string): Promise<void> {
  expect(await disorder(stack, BOTS)).toEqual([]);
  expect(await stack.file(service, name)).toBe(key);
  expect(await stack.bot(service)).toMatchObject({ apiKey: masked(key) });
  expect(await dropNames(stack, service)).toEqual(["..data", "..gen", "..seen", name]);
}

test("a killed sidecar must, started again, roll nothing that is current and find what changed meanwhile", async () => {
  const stack = await settled();
  const before = await stack.lives();
  const key = randomValue();

  await kill(stack);
  await stack.bundle.set({ BOT2_API_KEY: key });
  await stack.compose("start", SIDECAR);
  await stack.waitCommitted();

  const after = await stack.lives();
  expect(after["bot1"]).toBe(before["bot1"]);
  expect(after["bot2"]).not.toBe(before["bot2"]);
  await expectOn(stack, "bot2", "BOT2_API_KEY", key);
});

test("a sidecar killed while the gate waits must, started again, finish the roll that its gate lets pass", async () => {
  const stack = await settled();
  const roll = await midRoll(stack, "bot1", "BOT1_API_KEY");

  await kill(stack);
  await letPass(stack, roll);
  await stack.compose("start", SIDECAR);
  await stack.waitCommitted();

  expect((await stack.inspect("bot1")).Id).toBe(roll.candidate.Id);
  await expectOn(stack, "bot1", "BOT1_API_KEY", roll.key);
});

test("a sidecar killed while the gate waits must, started again, put back what its gate refuses", async () => {
  const stack = await settled();
  const before = await stack.inspect("bot2");
  const old = await stack.file("bot2", "BOT2_API_KEY");
  const events = stack.events();
  onTestFinished(() => {
    events.close();
  });

  await stack.bundle.set({ BOT2_API_KEY: badKey() });
  await events.next("bot2", "start");
  await kill(stack);
  await stack.compose("start", SIDECAR);
  await stack.waitState("bot2", "quarantined");
  await waitOrder(stack, BOTS);

  expect((await stack.inspect("bot2")).Id).toBe(before.Id);
  await expectOn(stack, "bot2", "BOT2_API_KEY", old);
  await stack.bundle.set({ BOT2_API_KEY: old });
});

test.each(["create", "die", "rename", "start", "destroy"])(
  "a sidecar killed at a roll's first %s event must, started again, bring every bot to the new key",
  async (action) => {
    const stack = await settled();
    const key = randomValue();
    const events = stack.events();
    onTestFinished(() => {
      events.close();
    });

    await stack.bundle.set({ BOT2_API_KEY: key });
    await events.next("bot2", action);
    await kill(stack);
    await stack.compose("start", SIDECAR);
    await stack.waitCommitted();
    await waitOrder(stack, BOTS);

    await expectOn(stack, "bot2", "BOT2_API_KEY", key);
  },
);

test("a sidecar told to stop while the gate waits must undo or finish the roll within its grace period", async () => {
  const stack = await settled();
  const old = await stack.file("bot1", "BOT1_API_KEY");
  const roll = await midRoll(stack, "bot1", "BOT1_API_KEY");

  await stack.compose("stop", SIDECAR);

  const sidecar = await stack.inspect(SIDECAR);
  const took = Date.parse(sidecar.State.FinishedAt) - Date.parse(roll.candidate.State.StartedAt);
  expect(sidecar.State.ExitCode).toBe(0);
  expect(took).toBeLessThan((GRACE_SECONDS + 5) * 1000);
  await expectOn(stack, "bot1", "BOT1_API_KEY", old);
  expect((await stack.inspect("bot1")).Id).toBe(roll.old.Id);
});

test("a roll undone because the sidecar had to stop must be tried again by the next one", async () => {
  const stack = await settled();
  const first = await midRoll(stack, "bot1", "BOT1_API_KEY");
  await stack.compose("stop", SIDECAR);
  expect((await stack.inspect("bot1")).Id).toBe(first.old.Id);

  const key = slowKey();
  await stack.compose("start", SIDECAR);
  await stack.bundle.set({ BOT2_API_KEY: key });
  const candidate = await waitUntil("the roll of bot1 is tried again", async () => {
    const all = await stack.containersOf("bot1");
    return all.find((one) => one.State.Running && one.Id !== first.old.Id);
  });
  await letPass(stack, { ...first, candidate });
  await stack.waitCommitted();

  await expectOn(stack, "bot1", "BOT1_API_KEY", first.key);
});

test("an idle sidecar told to stop must end at once", async () => {
  const stack = await settled();

  const asked = Date.now();
  await stack.compose("stop", SIDECAR);

  const sidecar = await stack.inspect(SIDECAR);
  expect(sidecar.State.ExitCode).toBe(0);
  expect(Date.parse(sidecar.State.FinishedAt) - asked).toBeLessThan(3000);
});
