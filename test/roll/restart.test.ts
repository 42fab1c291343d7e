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
