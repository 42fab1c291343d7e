/** What did not work before its roll need not work after the way back: nobody is needed for it. */
import { expect, test } from "vitest";
import { Sidecar, World } from "./world.ts";

test("one that loops through crashes, seen at a moment in which it runs, is put back without a gate", async () => {
  const world = await World.on([{ name: "bot" }]);
  const [bot] = world.containersOf("bot");
  const { behave } = world.engine;
  world.engine.behave = (container) => (container.id === bot?.id ? "crash-loops" : behave(container));
  world.bad = "v2";
  const outcome = await new Sidecar(world).roll();
  expect(outcome.kind).toBe("rolled-back");
  expect(world.containersOf("bot").map(({ id, state }) => [id, state])).toEqual([[bot?.id, "running"]]);
});

test("one that restarted once, long ago, is gated like any other", async () => {
  const world = await World.on([{ name: "bot" }]);
  const [bot] = world.containersOf("bot");
  bot!.restartCount = 1;
  const { behave } = world.engine;
  const sidecar = new Sidecar(world, ({ name }) => {
    // From its second start on it does not work.
    if (name === "flipBack") world.engine.behave = (one) => (one.id === bot?.id ? "unhealthy" : behave(one));
    return null;
  });
  world.bad = "v2";
  expect((await sidecar.roll()).kind).toBe("stuck");
});
