/** What proves a new container: its probe, its steady running. */
import { describe, expect, onTestFinished, test } from "vitest";
import { useStack } from "../harness/fixture.ts";
import { composed, loaded, shell, type ShellOptions } from "../harness/shell.ts";
import type { Stack } from "../harness/stack.ts";
import { badKey, randomValue } from "../harness/values.ts";

const SETTLE_MS = 1500;
const steady = { "sidecrypt.settle": `${SETTLE_MS}ms` };

const probed = (probe: string, options: ShellOptions = {}): ShellOptions => ({
  health: null,
  ...options,
  labels: { "sidecrypt.probe": composed(probe), "sidecrypt.health-timeout": "2s", ...options.labels },
});

const KEYS: Readonly<Record<string, string>> = {
  listed: "LISTED_KEY",
  scripted: "SCRIPTED_KEY",
  beside: "BESIDE_KEY",
  looping: "LOOPING_KEY",
  unproven: "UNPROVEN_KEY",
};

const stackOf = useStack({
  secrets: Object.fromEntries(Object.values(KEYS).map((name) => [name, randomValue()])),
  services: {
    // What a shell would make of the parentheses is an error.
    listed: shell("LISTED_KEY", probed(`["grep", "-Evq", "^(bad|worse)-", "/run/secrets/LISTED_KEY"]`)),
    scripted: shell("SCRIPTED_KEY", probed(`key=$(cat /run/secrets/SCRIPTED_KEY) && test "\${key#bad-}" = "$key"`)),
    // Its health check takes any key: only the probe knows better.
    beside: shell("BESIDE_KEY", probed("! grep -q ^bad- /run/secrets/BESIDE_KEY", { health: "true" })),
    looping: shell("LOOPING_KEY", {
      health: null,
      restart: "always",
      labels: steady,
      then: 'case "$key" in bad-*) sleep 0.5; exit 1 ;; esac',
    }),
    unproven: shell("UNPROVEN_KEY", { health: null, labels: steady }),
  },
});

/** From wherever the test before left it: current on the files that are there. */
async function settled(): Promise<Stack> {
  const stack = stackOf();
  const { consumers } = await stack.status();
  const behind = consumers.filter(({ state }) => state !== "current").map(({ service }) => service);
  const files = behind.map(async (service) => [KEYS[service]!, await stack.file(service, KEYS[service]!)] as const);
  if (behind.length > 0) await stack.bundle.set(Object.fromEntries(await Promise.all(files)));
  await stack.waitCommitted();
  return stack;
}

async function fail(service: string): Promise<{ readonly stack: Stack; readonly reason: string }> {
  const stack = await settled();
  const { Id } = await stack.inspect(service);
  const old = await loaded(stack, service);
  await stack.bundle.set({ [KEYS[service]!]: badKey() });
  await stack.waitLooked();
  await stack.waitState(service, "quarantined");
  expect(await stack.inspect(service)).toMatchObject({ Id, State: { Running: true } });
  expect(await loaded(stack, service)).toBe(old);
  return { stack, reason: (await stack.consumer(service)).reason ?? "" };
}

describe.each([
  ["as a JSON array", "listed"],
  ["as a line for the shell", "scripted"],
  ["beside a health check that is content", "beside"],
])("a probe %s", (_, service) => {
  test("that exits 0 must let the new container pass, as proven", async () => {
    const stack = await settled();
    const { Id } = await stack.inspect(service);
    const key = randomValue();

    await stack.bundle.set({ [KEYS[service]!]: key });
    await stack.waitCommitted();

    expect((await stack.inspect(service)).Id).not.toBe(Id);
    expect(await loaded(stack, service)).toBe(key);
    expect((await stack.consumer(service)).unproven).toBe(false);
  });

  test("that does not must put the old container back, and be named", async () => {
    const { reason } = await fail(service);

    expect(reason).toContain(`service ${service}: its sidecrypt.probe did not exit 0 in time`);
  });
});

describe("no health check and no probe", () => {
  test("H42: a container that loops through crashes, running most of the time, must fail its gate", async () => {
    const { reason } = await fail("looping");

    expect(reason).toMatch(/service looping: it (restarts by itself|is restarting)/);
  });

  test("a container that runs steadily must pass once it has settled, as unproven", async () => {
    const stack = await settled();
    const events = stack.events();
    onTestFinished(() => {
      events.close();
    });
    const key = randomValue();

    await stack.bundle.set({ UNPROVEN_KEY: key });
    await stack.waitCommitted();

    expect(await loaded(stack, "unproven")).toBe(key);
    expect((await stack.consumer("unproven")).unproven).toBe(true);
    const [started] = events.of("unproven", "start");
    const removed = await events.next("unproven", "destroy");
    expect((removed.time - started!.time) / 1e6).toBeGreaterThanOrEqual(SETTLE_MS);
  });
});
