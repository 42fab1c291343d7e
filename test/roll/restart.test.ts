/**
 * Members that are restarted in place have no candidate, so no journal: killed in the middle, nobody knows that the
 * restarted one was never proven. What has to hold all the same: it runs, on the files that its drop holds.
 */
import { expect, test, vi } from "vitest";
import { type Call, Killed, type Script, type Trouble } from "./fake-session.ts";
import { type Service, Sidecar, World } from "./world.ts";

vi.setConfig({ testTimeout: 60_000 });

const fits = (own: string | null, server: string | null): boolean => own === server;
const RESTART: readonly Service[] = [{ name: "bot", onChange: "restart" }];
const MIXED: readonly Service[] = [
  { name: "redis", onChange: "restart" },
  { name: "bot1", after: ["redis"], healthy: fits },
  { name: "bot2", after: ["redis"], onChange: "restart", healthy: fits },
];

async function walk(services: readonly Service[], bad: string | null, trouble: Trouble): Promise<string[]> {
  const undisturbed = await World.on(services);
  undisturbed.bad = bad;
  const model = new Sidecar(undisturbed);
  await model.converge();
  const calls = model.session.calls.filter((call) => call.mutates || !trouble.startsWith("kill"));
  const broken = undisturbed.problems(bad === null ? "v2" : "v1");
  for (const call of calls) broken.push(...(await disturbed(services, bad, trouble, call)));
  return broken;
}

async function disturbed(services: readonly Service[], bad: string | null, trouble: Trouble, { n, name, about }: Call) {
  const world = await World.on(services);
  world.bad = bad;
  const script: Script = (call) => (call.n === n ? trouble : null);
  const first = new Sidecar(world, script);
  await first.converge().catch((thrown: unknown) => {
    if (trouble.startsWith("kill") && !(thrown instanceof Killed)) throw thrown;
  });
  const second = new Sidecar(world);
  await second.converge();
  const sides = ["v1", "v2"].map((version) => world.problems(version));
  if (sides.some((problems) => problems.length === 0)) return [];
  const kinds = [...first.outcomes, ...second.outcomes].map((one) => one.kind).join(" ");
  return [`${trouble} at ${n} ${name} ${about}: ${kinds}: ${sides[bad === null ? 1 : 0]!.join("; ")}`];
}

test.each<[Trouble, string | null]>([
  ["refuse-500", null],
  ["refuse-500", "v2"],
  ["kill-after", null],
  ["kill-after", "v2"],
])("restarted in place, %s anywhere (bad: %s): it runs on what its drop holds", async (trouble, bad) => {
  expect(await walk(RESTART, bad, trouble)).toEqual([]);
});

test.each<Trouble>(["refuse-500", "kill-after"])(
  "a restarted server, a recreated and a restarted client, %s anywhere in a good roll: all on one side",
  async (trouble) => {
    expect(await walk(MIXED, null, trouble)).toEqual([]);
  },
);

/** Everybody came back on an emptied drop, and is restarted in place: a sidecar that ends in the `nth` of these. */
async function afterReboot(services: readonly Service[], nth: number): Promise<World> {
  const world = await World.on(services);
  world.version = "v1";
  world.reboot();
  let stops = 0;
  const first = new Sidecar(world, ({ name }) => (name === "stop" && ++stops === nth ? "kill-after" : null));
  await expect(first.converge()).rejects.toThrow(Killed);
  return world;
}

test.each([1, 2, 3])("a restart after a reboot, the %ith cut off between stop and start, is finished", async (nth) => {
  const world = await afterReboot(MIXED, nth);
  expect(world.problems("v1").join()).toMatch(/is exited/);
  await new Sidecar(world).converge();
  expect(world.problems("v1")).toEqual([]);
  expect(world.records.restarts).toEqual([]);
});

test("a child of its network, cut off after it, is started too", async () => {
  const world = await afterReboot([{ name: "vpn" }, { name: "child", network: "vpn", secrets: false }], 2);
  await new Sidecar(world).converge();
  expect(world.problems("v1")).toEqual([]);
  expect(world.records.restarts).toEqual([]);
});

test("a restart that was cut off is finished on the old files before a newer bundle is rolled", async () => {
  const world = await afterReboot([{ name: "bot" }], 1);
  world.version = "v2";
  await new Sidecar(world).converge();
  expect(world.problems("v2")).toEqual([]);
});

test("one that a person stops meanwhile stays stopped, and nothing is written down of it any more", async () => {
  const world = await afterReboot([{ name: "bot" }], 1);
  const [bot] = world.containersOf("bot");
  world.engine.start(bot!.id);
  const second = new Sidecar(world);
  world.engine.stop(bot!.id);
  await second.converge();
  expect(world.containersOf("bot").map(({ state }) => state)).toEqual(["exited"]);
  expect(world.records.restarts).toEqual([]);
});

test("one with --rm, which its stop would remove, is restarted by the engine itself", async () => {
  const world = await World.on(RESTART);
  const [bot] = world.containersOf("bot");
  Object.assign(bot!.body["HostConfig"] as object, { AutoRemove: true });
  const sidecar = new Sidecar(world);
  await sidecar.converge();
  expect(world.problems("v2")).toEqual([]);
  const names = sidecar.session.calls.filter(({ about }) => about === bot!.name).map(({ name }) => name);
  expect(names).toContain("restart");
  expect(names).not.toContain("stop");
});

test("a start that fails is tried again by the next sidecar", async () => {
  const world = await afterReboot([{ name: "bot" }], 1);
  const second = new Sidecar(world, ({ name }) => (name === "start" ? "refuse-500" : null));
  await expect(second.converge()).rejects.toThrow("does not come to rest");
  expect(world.records.restarts).toHaveLength(1);
  await new Sidecar(world).converge();
  expect(world.problems("v1")).toEqual([]);
});
