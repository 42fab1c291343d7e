/** An engine that lost count of a volume's mounts gives the next container an empty one (same-drop.ts). */
import { describe, expect, test } from "vitest";
import { refresh } from "../../src/roll/refresh.ts";
import { World, Sidecar, type Service } from "./world.ts";

const outcomeOf = async (
  services: readonly Service[],
): Promise<{ world: World; kind: string; code: string | null }> => {
  const world = await World.on(services);
  world.isSplit = true;
  const outcome = await new Sidecar(world).roll();
  return { world, kind: outcome.kind, code: outcome.kind === "committed" ? null : outcome.fault.code };
};

describe.each(["recreate", "restart"])("on-change %s", (onChange) => {
  test("is refused before anything is touched, and not quarantined", async () => {
    const { world, kind, code } = await outcomeOf([{ name: "bot", onChange }]);
    expect([kind, code]).toEqual(["undone", "drop-split"]);
    expect(world.problems("v1")).toEqual([]);
  });
});

test("a process that is only told reads the mount that it has", async () => {
  const { kind } = await outcomeOf([{ name: "bot", onChange: "signal:HUP" }]);
  expect(kind).toBe("committed");
});

test("a container on an emptied drop is not restarted into another empty one", async () => {
  const world = await World.on([{ name: "bot" }]);
  world.isSplit = true;
  const { consumers } = world.plan();
  const containers = world.observe().containers;
  const before = containers.map((one) => one.startedAt);
  const generation = { volume: "bot-secrets", id: "0".repeat(32), bundleDigest: "0".repeat(64), files: new Map() };
  const step = {
    consumer: consumers[0]!,
    containers,
    children: [],
    wave: 0,
    generation,
    cause: "its drop was emptied",
  };
  const faults = await refresh(new Sidecar(world).ctx, [step]);
  expect(faults.map(({ code, subject }) => [code, subject])).toEqual([["drop-split", "bot"]]);
  expect(world.observe().containers.map((one) => one.startedAt)).toEqual(before);
});

test("found in the middle of a roll, it is what the way back says", async () => {
  const world = await World.on([{ name: "bot" }]);
  // The engine is restarted while the new one is on trial, which finds nothing; neither does the old one.
  const read = world.engine.read;
  const sidecar = new Sidecar(world, ({ name }) => {
    if (name === "start") {
      world.isSplit = true;
      world.engine.read = () => null;
    }
    return null;
  });
  const outcome = await sidecar.roll();
  world.engine.read = read;
  if (outcome.kind !== "stuck") expect.fail(outcome.kind);
  expect(outcome.fault.message).toMatch(/empty volume in place of bot-secrets/);
  expect(outcome.fault.hint).toMatch(/restart the engine/);
});

test("found only after a restart in place, since its stop was what took the mount away, it is what the fault says", async () => {
  const world = await World.on([{ name: "bot" }]);
  world.version = "v1";
  world.reboot();
  const sidecar = new Sidecar(world, ({ name }) => {
    if (name === "stop") {
      world.isSplit = true;
      world.engine.read = () => null;
    }
    return null;
  });
  // Delivered, as the look before a refresh does.
  const { refreshes } = world.plan();
  for (const { generation } of refreshes) await sidecar.ctx.drops.deliver(generation, []);
  const faults = await refresh(sidecar.ctx, refreshes);
  expect(faults.map(({ code, subject }) => [code, subject])).toEqual([["drop-split", "bot"]]);
});
