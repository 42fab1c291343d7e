/** What people do between the create of a copy and the stop of the old container stands (DESIGN.md rule 8). */
import { expect, test } from "vitest";
import type { Call, Trouble } from "./fake-session.ts";
import { nameOf, type Service, Sidecar, World } from "./world.ts";

const BOT: readonly Service[] = [{ name: "bot" }];

async function prepared() {
  const world = await World.on(BOT);
  const old = world.containersOf("bot")[0]!;
  const file = { content: Buffer.from("a"), mode: 0o444, uid: 0, gid: 0, attributes: new Map() };
  const modified = new Date(Math.floor(old.startedAt! / 1_000) * 1_000).toISOString().replace(".000Z", "Z");
  old.layer.set("/etc/bot.conf", { file, stat: { isFile: true, isSocket: false, mode: 0o444, size: 1, modified } });
  const copies = (): string[] => [...world.engine.containers.keys()].filter((id) => id !== old.id);
  return { world, old, copies };
}

test.each(["at once", "after our next calls"])(
  "H6, H17: docker compose up while the files that it put into the old one are carried over, that starts the copy %s",
  async (later) => {
    const { world, old, copies } = await prepared();
    let copy: string | undefined;
    const up = (call: Call): null => {
      if (copy !== undefined || call.name !== "read") return null;
      copy = copies()[0]!;
      world.engine.stop(old.id);
      world.engine.containers.delete(old.id);
      if (later === "at once") world.engine.start(copy);
      return null;
    };
    const sidecar = new Sidecar(world, up);
    expect(await sidecar.roll()).toMatchObject({ kind: "undone", fault: { code: "roll-unfaithful" } });
    expect(world.containersOf("bot").map(({ id, name, state }) => [id, name, state])).toEqual([
      [copy, nameOf("bot"), "running"],
    ]);
    await sidecar.converge();
    expect(world.problems("v2")).toEqual([]);
  },
);

test("stopped by hand while its copy is made, of which the engine fails, it stays stopped", async () => {
  const { world, copies } = await prepared();
  let failed = false;
  const script = (call: Call): Trouble | null => {
    if (failed || call.name !== "write" || copies().length === 0 || call.about === "record") return null;
    failed = true;
    world.engine.stop(nameOf("bot"));
    return "refuse-500";
  };
  await new Sidecar(world, script).roll();
  expect(failed).toBe(true);
  expect(world.containersOf("bot").map(({ name, state }) => [name, state])).toEqual([[nameOf("bot"), "exited"]]);
});
