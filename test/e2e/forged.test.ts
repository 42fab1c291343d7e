/** A bundle that somebody without a key has changed. */
import { afterEach, expect, test } from "vitest";
import { useStack } from "./harness/fixture.ts";
import { FORGERIES } from "./harness/forge.ts";
import { bot } from "./harness/model.ts";
import { masked } from "./harness/stack.ts";
import { randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";

const secrets = { BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue() };

const stackOf = useStack({
  secrets,
  services: {
    bot1: bot("BOT1_API_KEY", { labels: { "sidecrypt.secrets": "BOT1_*" } }),
    bot2: bot("BOT2_API_KEY"),
  },
});

afterEach(async () => {
  await stackOf().bundle.write(secrets);
  await stackOf().waitCommitted();
});

async function forge(forgery: keyof typeof FORGERIES): Promise<void> {
  const { bundle } = stackOf();
  const text = Buffer.from(await bundle.bytes()).toString();
  const forged = FORGERIES[forgery]!(text, "BOT1_API_KEY", "BOT2_API_KEY");
  expect(forged).not.toBe(text);
  await bundle.replace(forged);
}

test.each(Object.keys(FORGERIES))(
  "a bundle %s must change nothing, be refused by its code, and leave health alone",
  async (forgery) => {
    const stack = stackOf();
    await stack.waitCommitted();
    const lives = await stack.lives();

    await forge(forgery);
    const status = await stack.waitLooked();

    expect(status.bundle.state).toBe("refused");
    expect(status.bundle.fault?.code).toMatch(/^bundle-/);
    expect(status.healthy).toBe(true);
    expect(status.consumers.map(({ service, state }) => [service, state])).toEqual([
      ["bot1", "current"],
      ["bot2", "current"],
    ]);
    expect(await stack.lives()).toEqual(lives);
    expect(await stack.files("bot1")).toEqual({ BOT1_API_KEY: secrets.BOT1_API_KEY });
    expect(await stack.files("bot2")).toEqual({ BOT2_API_KEY: secrets.BOT2_API_KEY });
    expect((await stack.sidecrypt("health")).code).toBe(0);
    expect((await stack.sidecrypt("status")).code).toBe(3);
  },
);

test("a stack stopped and started over a forged bundle must run on the last good values", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  const ids = await stack.ids();
  await forge("whose value is plaintext");
  await stack.waitLooked();

  await stack.compose("stop");
  await stack.compose("start");

  for (const [service, name] of [
    ["bot1", "BOT1_API_KEY"],
    ["bot2", "BOT2_API_KEY"],
  ] as const) {
    await waitUntil(
      `${service} is healthy`,
      async () => (await stack.inspect(service)).State.Health?.Status === "healthy",
    );
    expect(await stack.file(service, name)).toBe(secrets[name]);
    expect(await stack.bot(service)).toMatchObject({ apiKey: masked(secrets[name]) });
  }
  expect(await stack.ids()).toEqual(ids);
  const status = await stack.waitLooked();
  expect(status).toMatchObject({ healthy: true, bundle: { state: "refused" } });
});
