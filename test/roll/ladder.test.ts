/**
 * The rungs of the ladder, and those that follow: walked at every call on the fake engine. Whatever happens at call n,
 * afterwards everybody runs, on what the drops hold, and started after those that it follows.
 */
import { describe, expect, test, vi } from "vitest";
import type { Trouble } from "./fake-session.ts";
import { walk } from "./walk.ts";
import { nameOf, type Service, Sidecar, World } from "./world.ts";

vi.setConfig({ testTimeout: 60_000 });

const fits = (own: string | null, server: string | null): boolean => own === server;
const EXEC: readonly Service[] = [
  { name: "redis", onChange: "exec:alter" },
  { name: "bot1", after: ["redis"], healthy: fits },
  { name: "bot2", after: ["redis"], healthy: fits },
];
const RESTART: readonly Service[] = [{ name: "bot", onChange: "restart" }];
const SIGNAL: readonly Service[] = [{ name: "bot", onChange: "signal:HUP" }];
const BOUND: readonly Service[] = [
  { name: "redis" },
  { name: "web", after: ["redis"], bound: ["redis"], secrets: false },
  { name: "page", after: ["web"], bound: ["web"], secrets: false },
];
const CHILDREN: readonly Service[] = [
  { name: "vpn" },
  { name: "inside", network: "vpn", secrets: false },
  { name: "bot", network: "vpn" },
];
const FIRST: readonly Service[] = [{ name: "bot", order: "start-first" }];

const TROUBLES: readonly Trouble[] = ["refuse-500", "unreachable", "answer-lost", "kill-before", "kill-after"];

describe.each([
  ["exec and its clients", EXEC],
  ["restart", RESTART],
  ["signal", SIGNAL],
  ["H38: dependents with restart: true", BOUND],
  ["H34: children of a network", CHILDREN],
  ["H44: start-first", FIRST],
])("%s", (_, services) => {
  test("an undisturbed roll commits, and does nothing the second time", async () => {
    const world = await World.on(services);
    const sidecar = new Sidecar(world);
    expect(await sidecar.roll()).toMatchObject({ kind: "committed" });
    expect(world.problems("v2")).toEqual([]);
    await sidecar.converge();
    expect(sidecar.outcomes.map(({ kind }) => kind)).toEqual(["committed"]);
  });

  test("a failing gate brings everything back", async () => {
    const world = await World.on(services);
    world.bad = "v2";
    expect(await new Sidecar(world).roll()).toMatchObject({ kind: "rolled-back" });
    expect(world.problems("v1")).toEqual([]);
    expect(world.records.all).toEqual([]);
  });

  test.each(TROUBLES)("%s at any call of a roll that passes", async (trouble) => {
    expect(await walk({ services, ends: ["v2"] }, trouble)).toEqual([]);
  });

  test.each(TROUBLES)("%s at any call of a roll that fails", async (trouble) => {
    expect(await walk({ services, bad: "v2", ends: ["v1"] }, trouble)).toEqual([]);
  });
});

test("a command that fails takes its clients back with it, and is run again on the old files", async () => {
  const world = await World.on(EXEC);
  world.badCommand = "v2";
  const outcome = await new Sidecar(world).roll();
  expect(outcome).toMatchObject({ kind: "rolled-back", fault: { code: "roll-failed" } });
  expect(outcome.kind === "rolled-back" && outcome.fault.message).toContain("redis: the command");
  expect(world.problems("v1")).toEqual([]);
});

test("a failing client puts its server back by the same command", async () => {
  const world = await World.on([EXEC[0]!, EXEC[1]!, { ...EXEC[2]!, healthy: (own) => own === "v1" }]);
  expect(await new Sidecar(world).roll()).toMatchObject({ kind: "rolled-back" });
  expect(world.problems("v1")).toEqual([]);
});

describe("sidecrypt.on-failure", () => {
  const roll = async (onFailure: string) => {
    const world = await World.on([{ name: "bot", onFailure }]);
    world.bad = "v2";
    const sidecar = new Sidecar(world);
    await sidecar.converge();
    return { world, sidecar };
  };

  test("keep leaves the new one running on the new files, and says why it failed", async () => {
    const { world, sidecar } = await roll("keep");
    expect(sidecar.outcomes).toMatchObject([
      { kind: "committed", members: [{ failure: expect.stringContaining("bot") as string }] },
    ]);
    expect(world.problems("v2")).toEqual([]);
  });

  test("stop leaves the new one stopped on the new files, and does not start it again", async () => {
    const { world, sidecar } = await roll("stop");
    expect(sidecar.outcomes.map(({ kind }) => kind)).toEqual(["committed"]);
    expect(world.containersOf("bot").map(({ name, state }) => [name, state])).toEqual([[nameOf("bot"), "exited"]]);
    expect(world.drops.read("bot-secrets")).toBe("v2");
    await new Sidecar(world).converge();
    expect(world.containersOf("bot").map(({ state }) => state)).toEqual(["exited"]);
  });

  test("a unit that fails for another one goes back whole", async () => {
    const world = await World.on([
      { name: "redis", onFailure: "keep", healthy: (own) => own === "v1" },
      { name: "bot", after: ["redis"], healthy: (own) => own === "v1" },
    ]);
    expect(await new Sidecar(world).roll()).toMatchObject({ kind: "rolled-back" });
    expect(world.problems("v1")).toEqual([]);
  });
});

test("H38: a dependent without restart: true is not touched", async () => {
  const world = await World.on([{ name: "redis" }, { name: "web", after: ["redis"], secrets: false }]);
  const before = world.containersOf("web").map(({ id, startedAt }) => [id, startedAt]);
  await new Sidecar(world).roll();
  expect(world.containersOf("web").map(({ id, startedAt }) => [id, startedAt])).toEqual(before);
});

test("H34: a child that was stopped by hand is made anew and not started", async () => {
  const world = await World.on(CHILDREN);
  world.engine.stop(nameOf("inside"));
  expect(await new Sidecar(world).roll()).toMatchObject({ kind: "committed" });
  const owner = world.containersOf("vpn")[0]!.id;
  const child = world.containersOf("inside");
  expect(child.map(({ name, state }) => [name, state])).toEqual([[nameOf("inside"), "created"]]);
  expect(child.map(({ body }) => (body["HostConfig"] as Record<string, unknown>)["NetworkMode"])).toEqual([
    `container:${owner}`,
  ]);
});

test("a follower that was not healthy before is not asked to be afterwards", async () => {
  const world = await World.on(BOUND);
  const behave = world.engine.behave;
  world.engine.behave = (one) => (one.name.includes("page") ? "unhealthy" : behave(one));
  expect(await new Sidecar(world).roll()).toMatchObject({ kind: "committed" });
});

test("killed with the state volume lost, what was replaced is finished or undone from its labels", async () => {
  const world = await World.on(EXEC.map((one) => ({ ...one, onChange: "recreate" })));
  const sidecar = new Sidecar(world, (call) =>
    call.name === "start" && call.about === nameOf("bot1") ? "kill-after" : null,
  );
  await sidecar.converge().catch(() => undefined);
  world.records.lose();
  await new Sidecar(world).converge();
  expect(world.problems("v2")).toEqual([]);
});
