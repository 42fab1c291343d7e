/** A server and its clients are one unit (DESIGN.md rule 7). */
import { expect, test } from "vitest";
import type { EngineEvent, EventLog } from "./harness/events.ts";
import { useStack, watch } from "./harness/fixture.ts";
import { heldLabels, letFail, letPass, midRoll, slowKey, waitOrder } from "./harness/gated.ts";
import { bot, QUICK, redis } from "./harness/model.ts";
import { masked, SIDECAR, type Stack } from "./harness/stack.ts";
import { badKey, randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";

const KEYS: Readonly<Record<string, string>> = {
  bot1: "BOT1_API_KEY",
  bot2: "BOT2_API_KEY",
  snapshot: "SNAPSHOT_API_KEY",
};
const CLIENTS = Object.keys(KEYS);
const UNIT = ["redis", ...CLIENTS];

/** Compose reads `$$` as one `$`. */
const REFUSES_BAD = `redis-entrypoint health && case "$$(cat /run/secrets/REDIS_PASSWORD)" in bad-*) exit 1 ;; esac`;

const stackOf = useStack({
  secrets: {
    REDIS_PASSWORD: randomValue(),
    ...Object.fromEntries(Object.values(KEYS).map((name) => [name, randomValue()])),
  },
  services: {
    redis: redis({ healthcheck: { test: ["CMD-SHELL", REFUSES_BAD], interval: QUICK } }),
    bot1: bot("BOT1_API_KEY", { redis: true }),
    bot2: bot("BOT2_API_KEY", { redis: true }),
    snapshot: bot("SNAPSHOT_API_KEY", {
      redis: true,
      depends_on: { bot1: { condition: "service_healthy" } },
      labels: { "sidecrypt.secrets": "SNAPSHOT_API_KEY REDIS_PASSWORD", ...heldLabels("SNAPSHOT_API_KEY") },
    }),
  },
});

interface Before {
  readonly ids: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, string>>;
}

async function valuesOf(stack: Stack): Promise<Record<string, string>> {
  return Object.assign({}, ...(await Promise.all(CLIENTS.map((service) => stack.files(service))))) as Record<
    string,
    string
  >;
}

/** From wherever the test before left it: current on the files that are there. */
async function settled(): Promise<Stack> {
  const stack = stackOf();
  const { consumers } = await stack.status();
  if (consumers.some(({ state }) => state !== "current")) await stack.bundle.set(await valuesOf(stack));
  await stack.waitCommitted();
  return stack;
}

async function lookedAt(stack: Stack): Promise<Before> {
  return { ids: await stack.ids(), values: await valuesOf(stack) };
}

/** Redis has no password but the one that it read at its start; a bot is logged in with the one that it read. */
async function expectAllLoggedIn(stack: Stack, password: string): Promise<void> {
  await waitOrder(stack, UNIT);
  for (const service of UNIT) expect(await stack.file(service, "REDIS_PASSWORD")).toBe(password);
  for (const service of CLIENTS) {
    await waitUntil(`${service} is logged in`, async () => (await stack.bot(service)).redis === "logged-in");
    await waitUntil(
      `${service} is healthy`,
      async () => (await stack.inspect(service)).State.Health?.Status === "healthy",
    );
  }
  expect(await stack.exec("redis", "redis-entrypoint", "health")).toMatchObject({ code: 0 });
}

/** In the old containers, on the old files, logged in with the old password. */
async function expectAllBack(stack: Stack, { ids, values }: Before): Promise<void> {
  await expectAllLoggedIn(stack, values["REDIS_PASSWORD"]!);
  expect(await stack.ids()).toEqual(ids);
  for (const service of CLIENTS) {
    expect(await stack.bot(service)).toMatchObject({ apiKey: masked(values[KEYS[service]!]!), exchange: "accepted" });
  }
  expect((await stack.status()).healthy).toBe(true);
}

async function waitQuarantined(stack: Stack): Promise<void> {
  await stack.waitLooked();
  for (const service of UNIT) await stack.waitState(service, "quarantined", 90);
}

test("a new Redis password must replace Redis first, then its clients, and log all of them in with it", async () => {
  const stack = await settled();
  const before = await stack.ids();
  const password = randomValue();

  await stack.bundle.set({ REDIS_PASSWORD: password });
  await stack.waitCommitted();

  const after = await stack.ids();
  for (const service of UNIT) expect(after[service]).not.toBe(before[service]);
  const started = async (service: string): Promise<string> => (await stack.inspect(service)).State.StartedAt;
  expect((await started("redis")) < (await started("bot1"))).toBe(true);
  expect((await started("redis")) < (await started("bot2"))).toBe(true);
  expect((await started("bot1")) < (await started("snapshot"))).toBe(true);
  await expectAllLoggedIn(stack, password);
});

test.each([
  ["Redis itself", "REDIS_PASSWORD"],
  ["the first client", "BOT1_API_KEY"],
  ["the second client", "BOT2_API_KEY"],
  ["a client of a client", "SNAPSHOT_API_KEY"],
])("a new Redis password in a roll that fails at %s must put every one back on the old password", async (_, name) => {
  const stack = await settled();
  const before = await lookedAt(stack);
  const events = watch(stack);

  await stack.bundle.set({ REDIS_PASSWORD: randomValue(), [name]: badKey() });
  await waitQuarantined(stack);

  await expectAllBack(stack, before);
  expectServersLastDownFirstUp(events, before);
});

/** A client that is there without its server, or beside one on another password, is locked out. */
function expectServersLastDownFirstUp(events: EventLog, { ids }: Before): void {
  const isOld = (event: EngineEvent): boolean => Object.values(ids).includes(event.container);
  const down = events.all.filter((event) => event.action === "die" && !isOld(event)).map(({ service }) => service);
  const up = events.all.filter((event) => event.action === "start" && isOld(event)).map(({ service }) => service);
  expect(down.at(-1)).toBe("redis");
  if (down.includes("snapshot")) expect(down.indexOf("snapshot")).toBeLessThan(down.indexOf("bot1"));
  expect(up[0]).toBe("redis");
  expect(up.toSorted()).toEqual(down.toSorted());
}

test("a bundle that comes in the middle of a roll that passes must be rolled after it", async () => {
  const stack = await settled();
  const events = watch(stack);
  const roll = await midRoll(stack, "snapshot", "SNAPSHOT_API_KEY", { REDIS_PASSWORD: randomValue() });
  const password = randomValue();

  await stack.bundle.set({ REDIS_PASSWORD: password, SNAPSHOT_API_KEY: randomValue() });
  await letPass(stack, roll);
  await stack.waitCommitted();

  await expectAllLoggedIn(stack, password);
  for (const service of UNIT) expect(events.of(service, "create")).toHaveLength(2);
});

test("a bundle that comes in the middle of a roll that fails must be what is tried next, with the files committed last as its way back", async () => {
  const stack = await settled();
  const before = await lookedAt(stack);
  const first = await midRoll(stack, "snapshot", "SNAPSHOT_API_KEY", { REDIS_PASSWORD: randomValue() });
  const [password, key] = [randomValue(), slowKey()];

  await stack.bundle.set({ REDIS_PASSWORD: password, SNAPSHOT_API_KEY: key });
  await letFail(stack, first);
  const second = await waitUntil("the newer bundle is tried", async () => {
    const running = await stack.running("snapshot");
    return running.Id !== first.candidate.Id && running.Id !== before.ids["snapshot"] && running;
  });
  expect(await stack.file("snapshot", "SNAPSHOT_API_KEY")).toBe(key);
  await letFail(stack, { ...first, candidate: second });
  await waitQuarantined(stack);
  await expectAllBack(stack, before);

  const passing = randomValue();
  await stack.bundle.set({ REDIS_PASSWORD: password, SNAPSHOT_API_KEY: passing });
  await stack.waitCommitted();
  await expectAllLoggedIn(stack, password);
});

test.each(["bot1"])(
  "a sidecar killed at the start of %s in the roll of a password must, started again, log all of them in with it",
  async (service) => {
    const stack = await settled();
    const password = randomValue();
    const events = watch(stack);

    await stack.bundle.set({ REDIS_PASSWORD: password });
    await events.next(service, "start");
    await restartKilled(stack);
    await stack.waitCommitted();

    await expectAllLoggedIn(stack, password);
  },
);

async function restartKilled(stack: Stack): Promise<void> {
  await stack.engine.docker("kill", "--signal", "KILL", `${stack.project}-${SIDECAR}-1`);
  await stack.compose("start", SIDECAR);
}

const MOMENTS: readonly (readonly [string, string, string, "old" | "new"])[] = [
  ["once the new ones are down", "redis", "die", "new"],
  ["once Redis has its old files again", "redis", "start", "old"],
];

test.each(MOMENTS)(
  "a sidecar killed on the way back, %s, must, started again, end with every one on the old password",
  async (_, service, action, which) => {
    const stack = await settled();
    const before = await lookedAt(stack);
    const events = watch(stack);

    await stack.bundle.set({ REDIS_PASSWORD: randomValue(), BOT2_API_KEY: badKey() });
    await events.first((event) => {
      const isOld = event.container === before.ids[service];
      return event.service === service && event.action === action && isOld === (which === "old");
    });
    await restartKilled(stack);
    await waitQuarantined(stack);

    await expectAllBack(stack, before);
  },
);

test("one client's new key must replace that client alone, and leave Redis and the others logged in", async () => {
  const stack = await settled();
  const before = await stack.lives();
  const password = await stack.file("redis", "REDIS_PASSWORD");

  await stack.bundle.set({ BOT2_API_KEY: randomValue() });
  await stack.waitCommitted();

  const { bot2, ...others } = await stack.lives();
  expect(bot2).not.toBe(before["bot2"]);
  expect(before).toMatchObject(others);
  await expectAllLoggedIn(stack, password);
});
