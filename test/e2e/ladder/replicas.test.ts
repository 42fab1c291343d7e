/** H39: the replicas of one service, and two services on one drop. */
import { expect, test } from "vitest";
import { useStack, watch } from "../harness/fixture.ts";
import { shell } from "../harness/shell.ts";
import type { Stack } from "../harness/stack.ts";
import { badKey, randomValue } from "../harness/values.ts";

const REPLICAS = 3;

/**
 * A key that begins with `once-` is taken by the first container that claims it: to the others the exchange says no. A
 * directory is made by one only.
 */
const FIRST_TAKES_IT = `key=$(cat /tmp/loaded); case "$key" in
  bad-*) exit 1 ;;
  once-*) mkdir "/claims/$key" 2>/dev/null && touch /tmp/mine; test -e /tmp/mine ;;
esac`;

const stackOf = useStack({
  secrets: { SCALED_KEY: randomValue(), LEFT_KEY: randomValue(), RIGHT_KEY: randomValue() },
  services: {
    scaled: shell("SCALED_KEY", {
      deploy: { replicas: REPLICAS },
      health: FIRST_TAKES_IT,
      volumes: ["claims:/claims"],
    }),
    left: shell("LEFT_KEY"),
    right: shell("RIGHT_KEY", { drop: { of: "left" } }),
  },
  volumes: { claims: { driver_opts: { type: "tmpfs", device: "tmpfs", o: "mode=1777" } } },
});

async function idsOf(stack: Stack, service: string): Promise<string[]> {
  return (await stack.containersOf(service)).map(({ Id }) => Id).sort();
}

async function loadedByAll(stack: Stack, service: string): Promise<string[]> {
  const all = await stack.containersOf(service);
  return Promise.all(all.map(({ Id }) => stack.engine.docker("exec", Id, "cat", "/tmp/loaded")));
}

test("H39: replicas must be replaced one at a time, each under its own name and number", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  const before = await stack.containersOf("scaled");
  const events = watch(stack);
  const key = randomValue();

  await stack.bundle.set({ SCALED_KEY: key });
  await stack.waitCommitted(120);

  const after = await stack.containersOf("scaled");
  expect(await loadedByAll(stack, "scaled")).toEqual(Array.from({ length: REPLICAS }, () => key));
  for (const { Id } of after) expect(before.map((one) => one.Id)).not.toContain(Id);
  const numbered = (all: typeof before): string[] =>
    all.map(({ Name, Config }) => `${Name} ${Config.Labels["com.docker.compose.container-number"] ?? ""}`).sort();
  expect(numbered(after)).toEqual(numbered(before));
  const downAndUp = events.all
    .filter(({ service, action }) => service === "scaled" && (action === "die" || action === "start"))
    .map(({ action }) => action);
  expect(downAndUp).toEqual(Array.from({ length: REPLICAS }, () => ["die", "start"]).flat());
});

test("H39: the next replica must not be touched before the one before it has passed its gate", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  const events = watch(stack);
  const checked = events.first(({ service, action }) => service === "scaled" && action === "start");

  await stack.bundle.set({ SCALED_KEY: randomValue() });
  const { container } = await checked;
  await events.first(({ service, action, time }) => {
    return service === "scaled" && action === "die" && time > events.of("scaled", "start")[0]!.time;
  });

  const [first] = await stack.engine.inspect([container]);
  expect(first?.State.Health?.Status).toBe("healthy");
  await stack.waitCommitted();
});

test("H39: a replica that fails must put back those that had passed before it too", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  const before = await idsOf(stack, "scaled");
  const [old] = await loadedByAll(stack, "scaled");
  const events = watch(stack);

  await stack.bundle.set({ SCALED_KEY: randomValue("once-") });
  await stack.waitLooked();
  await stack.waitState("scaled", "quarantined");

  expect(await idsOf(stack, "scaled")).toEqual(before);
  expect(await loadedByAll(stack, "scaled")).toEqual(Array.from({ length: REPLICAS }, () => old));
  for (const { State } of await stack.containersOf("scaled")) {
    expect(State).toMatchObject({ Running: true, Health: { Status: "healthy" } });
  }
  // Two were replaced, the third was never touched.
  const created = new Set(events.of("scaled", "create").map(({ container }) => container));
  expect(created.size).toBe(2);
  expect(events.of("scaled", "start")).toHaveLength(4);
  await stack.bundle.set({ SCALED_KEY: old! });
  await stack.waitCommitted();
});

test("two services on one drop must be one unit: the failure of one puts the other back too", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  const before = await stack.ids();
  const [left, right] = [await stack.file("left", "LEFT_KEY"), await stack.file("left", "RIGHT_KEY")];

  await stack.bundle.set({ LEFT_KEY: randomValue(), RIGHT_KEY: badKey() });
  await stack.waitLooked();
  await stack.waitState("left", "quarantined");
  await stack.waitState("right", "quarantined");

  expect(await stack.ids()).toMatchObject({ left: before["left"], right: before["right"] });
  expect(await loadedByAll(stack, "left")).toEqual([left]);
  expect(await loadedByAll(stack, "right")).toEqual([right]);
  expect((await stack.status()).quarantine).toMatchObject([{ services: ["left", "right"] }]);

  const fresh = randomValue();
  await stack.bundle.set({ LEFT_KEY: left, RIGHT_KEY: fresh });
  await stack.waitCommitted();
  expect(await loadedByAll(stack, "right")).toEqual([fresh]);
  expect((await stack.ids())["left"]).toBe(before["left"]);
});
