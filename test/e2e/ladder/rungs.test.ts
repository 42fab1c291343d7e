/** `sidecrypt.on-change`: what each rung does to a container, forward and on the way back. */
import { describe, expect, test } from "vitest";
import type { EventLog } from "../harness/events.ts";
import { useStack, watch } from "../harness/fixture.ts";
import { loaded, shell } from "../harness/shell.ts";
import type { Stack } from "../harness/stack.ts";
import { badKey, randomValue } from "../harness/values.ts";

const KEYS = { restarted: "RESTARTED_KEY", signalled: "SIGNALLED_KEY", fragile: "FRAGILE_KEY", silent: "SILENT_KEY" };

const stackOf = useStack({
  secrets: Object.fromEntries(Object.values(KEYS).map((name) => [name, randomValue()])),
  services: {
    restarted: shell(KEYS.restarted, { labels: { "sidecrypt.on-change": "restart" } }),
    signalled: shell(KEYS.signalled, {
      labels: { "sidecrypt.on-change": "signal:HUP", "sidecrypt.settle": "500ms" },
    }),
    // Behind an init it is no PID 1: a signal that it does not know ends it.
    fragile: shell(KEYS.fragile, {
      init: true,
      labels: { "sidecrypt.on-change": "signal:USR1", "sidecrypt.settle": "500ms" },
    }),
    silent: shell(KEYS.silent, { labels: { "sidecrypt.on-change": "none" } }),
  },
});

/** From wherever the test before left it: current on the files that are there. */
async function settled(): Promise<Stack> {
  const stack = stackOf();
  const { consumers } = await stack.status();
  const behind = Object.entries(KEYS).filter(([service]) =>
    consumers.some((one) => one.service === service && one.state !== "current"),
  );
  const files = behind.map(async ([service, name]) => [name, await stack.file(service, name)] as const);
  if (behind.length > 0) await stack.bundle.set(Object.fromEntries(await Promise.all(files)));
  await stack.waitCommitted();
  return stack;
}

const actionsOf = (events: EventLog, service: string): string[] =>
  events.all.filter((event) => event.service === service).map(({ action }) => action);

async function waitQuarantined(stack: Stack, service: string): Promise<void> {
  await stack.waitLooked();
  await stack.waitState(service, "quarantined");
}

/** Each way is one start of the same container. */
const starts = (events: EventLog, service: string): number => events.of(service, "start").length;

describe("restart", () => {
  test("restart must deliver the new file and start the same container on it", async () => {
    const stack = await settled();
    const before = await stack.inspect("restarted");
    const events = watch(stack);
    const key = randomValue();

    await stack.bundle.set({ [KEYS.restarted]: key });
    await stack.waitCommitted();

    expect((await stack.inspect("restarted")).Id).toBe(before.Id);
    expect(await loaded(stack, "restarted")).toBe(key);
    expect(starts(events, "restarted")).toBe(1);
    expect(events.of("restarted", "create")).toEqual([]);
  });

  test("a container that fails its gate after a restart must be restarted on its old file", async () => {
    const stack = await settled();
    const before = await stack.inspect("restarted");
    const old = await loaded(stack, "restarted");
    const events = watch(stack);

    await stack.bundle.set({ [KEYS.restarted]: badKey() });
    await waitQuarantined(stack, "restarted");

    expect(await stack.file("restarted", KEYS.restarted)).toBe(old);
    expect(await loaded(stack, "restarted")).toBe(old);
    const after = await stack.inspect("restarted");
    expect(after.Id).toBe(before.Id);
    expect(after.State.Health?.Status).toBe("healthy");
    expect(starts(events, "restarted")).toBe(2);
  });
});

describe("signal", () => {
  test("signal:HUP must deliver the new file before the signal, and leave the container running", async () => {
    const stack = await settled();
    const { signalled } = await stack.lives();
    const events = watch(stack);
    const key = randomValue();

    await stack.bundle.set({ [KEYS.signalled]: key });
    await stack.waitCommitted();

    expect(await loaded(stack, "signalled")).toBe(key);
    expect((await stack.lives())["signalled"]).toBe(signalled);
    expect(actionsOf(events, "signalled")).toEqual(["kill"]);
  });

  test("a container that turns unhealthy on what it read at a signal must be signalled again on its old file", async () => {
    const stack = await settled();
    const { signalled } = await stack.lives();
    const old = await loaded(stack, "signalled");
    const events = watch(stack);

    await stack.bundle.set({ [KEYS.signalled]: badKey() });
    await waitQuarantined(stack, "signalled");

    expect(await stack.file("signalled", KEYS.signalled)).toBe(old);
    expect(await loaded(stack, "signalled")).toBe(old);
    expect((await stack.lives())["signalled"]).toBe(signalled);
    expect(actionsOf(events, "signalled")).toEqual(["kill", "kill"]);
  });

  test("a process that dies of its signal must be started again on its old file", async () => {
    const stack = await settled();
    const { Id } = await stack.inspect("fragile");
    const old = await loaded(stack, "fragile");

    await stack.bundle.set({ [KEYS.fragile]: randomValue() });
    await waitQuarantined(stack, "fragile");

    expect(await stack.file("fragile", KEYS.fragile)).toBe(old);
    expect(await loaded(stack, "fragile")).toBe(old);
    expect(await stack.inspect("fragile")).toMatchObject({ Id, State: { Running: true } });
  });
});

test("none must deliver the new file and touch no process", async () => {
  const stack = await settled();
  const { silent } = await stack.lives();
  const old = await loaded(stack, "silent");
  const events = watch(stack);
  const key = randomValue();

  await stack.bundle.set({ [KEYS.silent]: key });
  await stack.waitCommitted();

  expect(await stack.file("silent", KEYS.silent)).toBe(key);
  expect(await loaded(stack, "silent")).toBe(old);
  expect((await stack.lives())["silent"]).toBe(silent);
  expect(actionsOf(events, "silent")).toEqual([]);
});
