/** Who is replaced, and who is not. */
import { describe, expect, onTestFinished, test } from "vitest";
import { createBundle, generateIdentity, parseIdentities, recipientsOf } from "../../src/bundle/index.ts";
import { useStack } from "./harness/fixture.ts";
import { bot } from "./harness/model.ts";
import { run } from "./harness/run.ts";
import { masked, SIDECAR, type Stack } from "./harness/stack.ts";
import { randomValue } from "./harness/values.ts";

const services = {
  bot1: bot("BOT1_API_KEY", { labels: { "sidecrypt.secrets": "BOT1_API_KEY SHARED_TOKEN" } }),
  bot2: bot("BOT2_API_KEY", { labels: { "sidecrypt.secrets": "BOT2_API_KEY SHARED_TOKEN" } }),
  bot3: bot("BOT3_API_KEY"),
};

const stackOf = useStack({
  secrets: {
    BOT1_API_KEY: randomValue(),
    BOT2_API_KEY: randomValue(),
    BOT3_API_KEY: randomValue(),
    SHARED_TOKEN: randomValue(),
  },
  services,
});

/** A roll of bot3 that a look after everything before it has started: what was to be rolled earlier, has been. */
async function rollBot3(stack: Stack): Promise<void> {
  const key = randomValue();
  await stack.bundle.set({ BOT3_API_KEY: key });
  await stack.waitCommitted();
  expect(await stack.file("bot3", "BOT3_API_KEY")).toBe(key);
}

async function recordEvents(stack: Stack) {
  await stack.waitCommitted();
  const events = stack.events();
  onTestFinished(() => {
    events.close();
  });
  return events;
}

describe("a changed secret", () => {
  test("a changed key must replace its own bot only, which must then use the new key", async () => {
    const stack = stackOf();
    await stack.waitCommitted();
    const before = await stack.lives();
    const key = randomValue();

    await stack.bundle.set({ BOT1_API_KEY: key });
    await stack.waitCommitted();

    const after = await stack.lives();
    expect(after["bot1"]).not.toBe(before["bot1"]);
    expect({ ...after, bot1: "" }).toEqual({ ...before, bot1: "" });
    expect(await stack.file("bot1", "BOT1_API_KEY")).toBe(key);
    expect(await stack.bot("bot1")).toMatchObject({ apiKey: masked(key), exchange: "accepted" });
  });

  test("a changed shared secret must replace all of its readers and nobody else", async () => {
    const stack = stackOf();
    await stack.waitCommitted();
    const before = await stack.lives();
    const ids = await stack.ids();
    const token = randomValue();

    await stack.bundle.set({ SHARED_TOKEN: token });
    await stack.waitCommitted();

    const after = await stack.ids();
    expect(after["bot1"]).not.toBe(ids["bot1"]);
    expect(after["bot2"]).not.toBe(ids["bot2"]);
    expect((await stack.lives())["bot3"]).toBe(before["bot3"]);
    expect(await stack.file("bot1", "SHARED_TOKEN")).toBe(token);
    expect(await stack.file("bot2", "SHARED_TOKEN")).toBe(token);
  });

  test("H46: fifty rewrites within a second must make one roll, of the bot whose key is another one in the end", async () => {
    const stack = stackOf();
    const events = await recordEvents(stack);
    const before = await stack.lives();
    const values = await currentValues(stack);
    const keys = Array.from({ length: 50 }, () => randomValue());
    const bundles = await Promise.all(keys.map((key) => sealed(stack, { ...values, BOT1_API_KEY: key })));

    for (const bytes of bundles) await stack.bundle.replace(bytes);
    await stack.waitCommitted();
    await rollBot3(stack);

    expect(events.of("bot1", "create")).toHaveLength(1);
    expect(events.of("bot2", "create")).toHaveLength(0);
    expect((await stack.lives())["bot2"]).toBe(before["bot2"]);
    expect(await stack.file("bot1", "BOT1_API_KEY")).toBe(keys.at(-1));
  });

  test("a bot stopped by hand must stay stopped when its key changes, and have the new one when it is started", async () => {
    const stack = stackOf();
    await stack.waitCommitted();
    const before = await stack.inspect("bot2");
    await stack.compose("stop", "bot2");
    const key = randomValue();

    await stack.bundle.set({ BOT2_API_KEY: key });
    await stack.waitCommitted();
    await rollBot3(stack);

    const stopped = await stack.inspect("bot2");
    expect(stopped.Id).toBe(before.Id);
    expect(stopped.State).toMatchObject({ Running: false, StartedAt: before.State.StartedAt });
    await stack.compose("start", "bot2");
    await stack.waitHealthy("bot2");
    expect(await stack.bot("bot2")).toMatchObject({ apiKey: masked(key) });
    await stack.waitCommitted();
  });

  test("one bot's broken label must not keep another bot's new key from it", async () => {
    const stack = stackOf();
    await stack.waitCommitted();
    const [key1, key2, old2] = [randomValue(), randomValue(), await stack.file("bot2", "BOT2_API_KEY")];
    const broken = bot("BOT2_API_KEY", { labels: { ...services.bot2.labels, "sidecrypt.on-chnage": "restart" } });
    await stack.define({ ...stack.definition, services: { ...services, bot2: broken } });
    await stack.up("bot2");
    const before = await stack.ids();

    await stack.bundle.set({ BOT1_API_KEY: key1, BOT2_API_KEY: key2 });
    await stack.waitLooked();
    const status = await stack.waitState("bot1", "current");

    expect(await stack.file("bot1", "BOT1_API_KEY")).toBe(key1);
    expect((await stack.ids())["bot1"]).not.toBe(before["bot1"]);
    expect((await stack.ids())["bot2"]).toBe(before["bot2"]);
    expect(await stack.file("bot2", "BOT2_API_KEY")).toBe(old2);
    const refused = status.consumers.find((one) => one.service === "bot2");
    expect(refused).toMatchObject({ state: "refused", code: "label-invalid" });
    expect(refused?.reason).toContain("sidecrypt.on-chnage");
    expect(status.healthy).toBe(true);
    expect((await stack.sidecrypt("status")).code).toBe(4);

    await stack.define({ ...stack.definition, services });
    await stack.up("bot2");
    await stack.waitCommitted();
    expect(await stack.file("bot2", "BOT2_API_KEY")).toBe(key2);
  });
});

describe("nothing to roll", () => {
  test("a bundle that was encrypted anew without a changed value must roll nothing", async () => {
    const stack = stackOf();
    await stack.waitCommitted();
    const before = await stack.lives();

    await stack.bundle.reencrypt();
    await stack.waitCommitted();

    expect(await stack.lives()).toEqual(before);
  });

  test("a touched bundle must roll nothing", async () => {
    const stack = stackOf();
    const events = await recordEvents(stack);
    const { bot1, bot2 } = await stack.lives();

    await stack.bundle.touch();
    await rollBot3(stack);

    expect(await stack.lives()).toMatchObject({ bot1, bot2 });
    expect(events.of("bot3", "create")).toHaveLength(1);
  });

  test("a rotated age identity must roll nothing, neither when the new key is added nor when the old one is dropped", async () => {
    const stack = stackOf();
    await stack.waitCommitted();
    const before = await stack.lives();
    const { identity } = await generateIdentity();

    await stack.bundle.writeKeys([...(await stack.bundle.keys()), identity]);
    await stack.bundle.reencrypt();
    await stack.waitCommitted();
    expect(await stack.lives()).toEqual(before);

    await stack.bundle.writeKeys([identity]);
    await stack.bundle.reencrypt();
    await stack.waitCommitted();
    expect(await stack.lives()).toEqual(before);

    await rollBot3(stack);
    expect(await stack.lives()).toMatchObject({ bot1: before["bot1"], bot2: before["bot2"] });
  });

  test("an upgraded sidecar must roll nothing", async () => {
    const stack = stackOf();
    await stack.waitCommitted();
    const before = await stack.lives();
    const old = await stack.inspect(SIDECAR);
    const image = `${stack.project}-upgraded`;
    const input = `FROM sidecrypt\nLABEL e2e.upgraded=${randomValue()}\n`;
    onTestFinished(async () => {
      stack.setEnvironment("SIDECRYPT_IMAGE", "");
      await stack.up(SIDECAR);
      await stack.engine.tryDocker("rmi", "--force", image);
    });
    const built = await run("docker", ["build", "--tag", image, "-"], { env: stack.engine.env, input });
    expect(built).toMatchObject({ code: 0 });

    stack.setEnvironment("SIDECRYPT_IMAGE", image);
    await stack.up(SIDECAR);
    await stack.waitCommitted();

    expect((await stack.inspect(SIDECAR)).Image).not.toBe(old.Image);
    expect(await stack.lives()).toEqual(before);
  });
});

async function currentValues(stack: Stack): Promise<Record<string, string>> {
  const all = await Promise.all(["bot1", "bot2", "bot3"].map((service) => stack.files(service)));
  return Object.assign({}, ...all) as Record<string, string>;
}

async function sealed(stack: Stack, values: Record<string, string>): Promise<Uint8Array> {
  const identities = await parseIdentities((await stack.bundle.keys()).join("\n"), "age.key");
  const entries = Object.entries(values).map(([name, value]) => [name, Buffer.from(value)] as const);
  return createBundle(recipientsOf(identities), entries, new Date());
}
