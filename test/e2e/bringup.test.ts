/** No consumer starts before its files are there. */
import { expect, test } from "vitest";
import { generateIdentity } from "../../src/bundle/index.ts";
import { withStack } from "./harness/fixture.ts";
import { bot, type StackDefinition } from "./harness/model.ts";
import { masked, SIDECAR } from "./harness/stack.ts";
import { randomValue } from "./harness/values.ts";

const definition = (): StackDefinition => ({
  secrets: { BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue() },
  services: { bot1: bot("BOT1_API_KEY"), bot2: bot("BOT2_API_KEY") },
  // Compose gives up as soon as the health check has.
  sidecar: { healthcheck: { interval: "500ms", start_period: "2s", retries: 2 } },
});

test("no bot must start while the bundle cannot be opened, and all must once it can", () =>
  withStack(definition(), async (stack) => {
    const keys = await stack.bundle.keys();
    await stack.bundle.writeKeys([(await generateIdentity()).identity]);

    const refused = await stack.tryCompose("up", "--detach");

    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("unhealthy");
    for (const service of ["bot1", "bot2"]) {
      const container = await stack.inspect(service);
      expect([container.State.Status, container.State.StartedAt]).toEqual(["created", "0001-01-01T00:00:00Z"]);
    }
    const status = await stack.status();
    expect(status).toMatchObject({ healthy: false, bundle: { state: "refused", fault: { code: "key-no-match" } } });

    await stack.bundle.writeKeys(keys);
    // Compose takes the health that Docker saw last.
    await stack.waitHealthy(SIDECAR);
    await stack.up();
    for (const [service, name] of [
      ["bot1", "BOT1_API_KEY"],
      ["bot2", "BOT2_API_KEY"],
    ] as const) {
      const container = await stack.inspect(service);
      expect(container).toMatchObject({ RestartCount: 0, State: { Running: true } });
      expect(await stack.bot(service)).toMatchObject({ apiKey: masked(await stack.file(service, name)) });
    }
  }));

test("a bot that is created later must have its files before it starts", () =>
  withStack(definition(), async (stack) => {
    await stack.up(SIDECAR, "bot1");
    const before = await stack.lives();

    await stack.up("bot2");

    // A bot that does not find its file ends at once, and nothing starts it again.
    expect(await stack.inspect("bot2")).toMatchObject({ RestartCount: 0, State: { Running: true } });
    expect(await stack.bot("bot2")).toMatchObject({ apiKey: masked(await stack.file("bot2", "BOT2_API_KEY")) });
    expect((await stack.lives())["bot1"]).toBe(before["bot1"]);
    await stack.waitCommitted();
  }));
