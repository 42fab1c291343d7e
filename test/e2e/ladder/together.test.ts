/** What a roll does beside its own container: those that follow it, the one that it overlaps, the one that fails and stays. */
import { describe, expect, test } from "vitest";
import type { EventLog } from "../harness/events.ts";
import { useStack, withStack, watch } from "../harness/fixture.ts";
import type { Definition } from "../harness/model.ts";
import { idle } from "../harness/replace.ts";
import { loaded, shell } from "../harness/shell.ts";
import type { Stack } from "../harness/stack.ts";
import { badKey, randomValue } from "../harness/values.ts";

const KEYS = {
  first: "FIRST_KEY",
  keeper: "KEEPER_KEY",
  stopper: "STOPPER_KEY",
  server: "SERVER_KEY",
  parent: "PARENT_KEY",
  restarted: "RESTARTED_KEY",
} as const;
type Service = keyof typeof KEYS;

const still = (more: Readonly<Record<string, unknown>>): Definition => idle(more) as never;
const on = (service: string, restart: boolean) => ({
  depends_on: { [service]: { condition: "service_started", restart } },
});

const stackOf = useStack({
  secrets: Object.fromEntries(Object.values(KEYS).map((name) => [name, randomValue()])),
  services: {
    first: shell(KEYS.first, { labels: { "sidecrypt.order": "start-first" } }),
    keeper: shell(KEYS.keeper, { labels: { "sidecrypt.on-failure": "keep" } }),
    stopper: shell(KEYS.stopper, { labels: { "sidecrypt.on-failure": "stop" } }),
    server: shell(KEYS.server),
    bound: still(on("server", true)),
    chained: still(on("bound", true)),
    free: still(on("server", false)),
    parent: shell(KEYS.parent),
    network: still({ network_mode: "service:parent" }),
    process: still({ pid: "service:parent" }),
    restarted: shell(KEYS.restarted, { labels: { "sidecrypt.on-change": "restart" } }),
    inside: still({ network_mode: "service:restarted" }),
  },
});

async function settled(): Promise<Stack> {
  const stack = stackOf();
  const { consumers } = await stack.status();
  const behind = consumers.filter(({ state }) => state !== "current").map(({ service }) => KEYS[service as Service]);
  if (behind.length > 0) await stack.bundle.set(Object.fromEntries(behind.map((name) => [name, randomValue()])));
  await stack.waitCommitted();
  return stack;
}

async function change(stack: Stack, service: Service, key: string): Promise<void> {
  await stack.bundle.set({ [KEYS[service]]: key });
  await stack.waitLooked();
  if (key.startsWith("bad-")) await stack.waitState(service, "quarantined", 60);
  else await stack.waitCommitted();
}

const hasNetwork = async (stack: Stack, service: string): Promise<boolean> =>
  (await stack.exec(service, "grep", "-q", "eth0", "/proc/net/dev")).code === 0;

const times = (events: EventLog, service: string, action: string): number[] =>
  events.of(service, action).map((event) => event.time);

describe("H44: sidecrypt.order: start-first", () => {
  test("the new one must be proven beside the old one, which stops only then", async () => {
    const stack = await settled();
    const before = await stack.inspect("first");
    const events = watch(stack);
    const key = randomValue();

    await change(stack, "first", key);

    const after = await stack.inspect("first");
    expect([after.Name, after.Id === before.Id]).toEqual([before.Name, false]);
    expect(await loaded(stack, "first")).toBe(key);
    expect(times(events, "first", "start")[0]!).toBeLessThan(times(events, "first", "die")[0]!);
  });

  test("one that fails must leave the old one running as it was", async () => {
    const stack = await settled();
    const before = (await stack.lives())["first"];

    await change(stack, "first", badKey());

    expect((await stack.lives())["first"]).toBe(before);
  });

  test("must be refused by name and reason where the old one holds a port of the host", async () => {
    const service = (labels: Readonly<Record<string, string>>) =>
      shell("KEY", { labels, ports: [`127.0.0.1:${20000 + Math.floor(Math.random() * 10_000)}:80`] });
    const definition = { secrets: { KEY: randomValue() }, services: { bot: service({}) } };
    await withStack(definition, async (stack) => {
      await stack.up();
      await stack.define({ ...definition, services: { bot: service({ "sidecrypt.order": "start-first" }) } });
      await stack.compose("up", "--detach", "bot");
      await stack.waitState("bot", "refused");
      const { code, reason } = await stack.consumer("bot");
      expect(code).toBe("not-supported");
      expect(reason).toContain("start-first is not possible, since it publishes a port of the host");
    });
  });
});

describe("sidecrypt.on-failure", () => {
  test("keep must leave the new container running on the new file, and status must say that it failed", async () => {
    const stack = await settled();
    const before = (await stack.ids())["keeper"];
    const key = badKey();

    await stack.bundle.set({ [KEYS.keeper]: key });
    await stack.waitLooked();
    await stack.waitState("keeper", "failed", 60);

    expect((await stack.inspect("keeper")).Id).not.toBe(before);
    expect(await loaded(stack, "keeper")).toBe(key);
    const { code, stdout } = await stack.sidecrypt("status");
    expect([code, stdout]).toEqual([7, expect.stringMatching(/keeper: failed.*unhealthy/) as string]);
  });

  test("stop must leave the new container stopped, until a person starts it", async () => {
    const stack = await settled();

    await stack.bundle.set({ [KEYS.stopper]: badKey() });
    await stack.waitLooked();
    await stack.waitState("stopper", "failed", 60);
    expect((await stack.inspect("stopper")).State.Running).toBe(false);

    const key = randomValue();
    await change(stack, "stopper", key);
    expect((await stack.inspect("stopper")).State.Running).toBe(false);
    await stack.compose("start", "stopper");
    expect(await stack.file("stopper", KEYS.stopper)).toBe(key);
  });
});

describe("H38: dependents with restart: true", () => {
  test("must be stopped before, in reverse order, and started after; others must not be touched", async () => {
    const stack = await settled();
    const before = await stack.lives();
    const events = watch(stack);

    await change(stack, "server", randomValue());

    const order = ["chained", "bound", "server"].map((service) => times(events, service, "die")[0]!);
    const starts = ["server", "bound", "chained"].map((service) => times(events, service, "start").at(-1)!);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    const after = await stack.lives();
    expect(after["free"]).toBe(before["free"]);
    for (const service of ["bound", "chained"])
      expect(after[service]!.split(" ")[0]).toBe(before[service]!.split(" ")[0]);
  });

  test("must be started again after the old one when the new one fails", async () => {
    const stack = await settled();
    const before = await stack.ids();
    const events = watch(stack);

    await change(stack, "server", badKey());

    expect(await stack.ids()).toEqual(before);
    expect((await stack.inspect("chained")).State.Running).toBe(true);
    expect(times(events, "bound", "start").at(-1)!).toBeGreaterThan(times(events, "server", "start").at(-1)!);
  });
});

describe("H34: children of namespaces", () => {
  const CHILDREN = ["network", "process"];

  test("must be made anew in those of the new container", async () => {
    const stack = await settled();
    const before = await stack.ids();

    await change(stack, "parent", randomValue());

    const parent = await stack.inspect("parent");
    for (const service of CHILDREN) {
      const child = await stack.inspect(service);
      expect([child.State.Running, child.Id === before[service]]).toEqual([true, false]);
    }
    expect((await stack.inspect("network")).HostConfig["NetworkMode"]).toBe(`container:${parent.Id}`);
    expect((await stack.inspect("process")).HostConfig["PidMode"]).toBe(`container:${parent.Id}`);
    expect(await hasNetwork(stack, "network")).toBe(true);
  });

  test("must be back in those of the old one when the new one fails", async () => {
    const stack = await settled();
    const before = await stack.ids();

    await change(stack, "parent", badKey());

    expect(await stack.ids()).toEqual(before);
    for (const service of CHILDREN) expect((await stack.inspect(service)).State.Running).toBe(true);
    expect(await hasNetwork(stack, "network")).toBe(true);
  });

  test("must be restarted with a parent that is restarted in place", async () => {
    const stack = await settled();
    const before = await stack.ids();

    await change(stack, "restarted", randomValue());

    expect(await stack.ids()).toEqual(before);
    expect(await hasNetwork(stack, "inside")).toBe(true);
  });
});
