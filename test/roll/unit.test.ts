/**
 * Rolls and recoveries walked call by call on the fake engine: whatever happens at call n, afterwards there is exactly
 * one container per service, under its own name, running, on the files that the drop holds, and the unit is on one side.
 */
import { describe, expect, test, vi } from "vitest";
import { SidecryptError } from "../../src/errors.ts";
import { type Call, Killed, type Script, type Trouble } from "./fake-session.ts";
import { type Service, Sidecar, World } from "./world.ts";

// Walks of some thousand rolls: a second or two on a machine of its own.
vi.setConfig({ testTimeout: 60_000 });

const fits = (own: string | null, server: string | null): boolean => own === server;
const SOLO: readonly Service[] = [{ name: "bot", policy: "always" }];
const TRIO: readonly Service[] = [
  { name: "redis" },
  { name: "bot1", after: ["redis"], healthy: fits },
  { name: "bot2", after: ["redis"], healthy: fits, policy: "on-failure" },
];
const REPLICAS: readonly Service[] = [{ name: "bot", replicas: 2 }];

const at =
  (n: number, trouble: Trouble): Script =>
  (call) =>
    call.n === n ? trouble : null;

/** The calls of one undisturbed run, in order. */
async function callsOf(services: readonly Service[], bad: string | null): Promise<Call[]> {
  const world = await World.on(services);
  world.bad = bad;
  const sidecar = new Sidecar(world);
  await sidecar.converge();
  return sidecar.session.calls;
}

/** Killed at a read leaves what a kill after the write before it leaves. */
const writes = (calls: readonly Call[]): Call[] => calls.filter((call) => call.mutates);

/** Somebody's `docker rm -f` of a new container whose old one is still kept. */
function removeNewest({ engine }: World): void {
  const isKept = (id: string): boolean =>
    engine.find(engine.inspect(id)!.labels["sidecrypt.replaces"] ?? "")?.name.includes(".bak.") === true;
  const newest = [...engine.containers.keys()].findLast(isKept);
  if (newest === undefined) return;
  engine.stop(newest);
  engine.containers.delete(newest);
}

const said = (call: Call | undefined): string => (call === undefined ? "-" : `${call.n} ${call.name} ${call.about}`);

async function untilKilled(work: Promise<unknown>): Promise<void> {
  await work.catch((thrown: unknown) => {
    if (!(thrown instanceof Killed)) throw thrown;
  });
}

async function converge(world: World): Promise<string> {
  const sidecar = new Sidecar(world);
  await sidecar.converge();
  return sidecar.outcomes.map((one) => one.kind).join(" ");
}

describe.each([
  ["one container", SOLO],
  ["a server and two clients", TRIO],
  ["two replicas", REPLICAS],
])("%s", (_, services) => {
  test("an undisturbed roll commits", async () => {
    const world = await World.on(services);
    const outcome = await new Sidecar(world).roll();
    expect(outcome.kind).toBe("committed");
    expect(world.problems("v2")).toEqual([]);
  });

  test("a failing gate brings everything back", async () => {
    const world = await World.on(services);
    world.bad = "v2";
    const outcome = await new Sidecar(world).roll();
    expect(outcome.kind).toBe("rolled-back");
    expect(world.problems("v1")).toEqual([]);
  });

  test.each<Trouble>(["refuse-409", "refuse-500", "unreachable", "answer-lost"])("%s at any call", async (trouble) => {
    const calls = await callsOf(services, null);
    const broken: string[] = [];
    for (const { n } of calls) {
      const world = await World.on(services);
      const sidecar = new Sidecar(world, at(n, trouble));
      let kind: string;
      try {
        kind = (await sidecar.roll()).kind;
      } catch (thrown) {
        broken.push(`${said(sidecar.session.calls[n - 1])}: rollUnit threw ${String(thrown)}`);
        continue;
      }
      if (sidecar.session.calls.length < n) break;
      const call = said(sidecar.session.calls[n - 1]);
      const version = kind === "committed" ? "v2" : "v1";
      if (kind === "stuck") broken.push(`${call}: stuck`);
      // What the end of a commit leaves is tidied by the next look; a way back leaves nothing.
      const isLost = trouble === "answer-lost" && sidecar.session.calls[n - 1]?.name === "create";
      if (kind !== "committed" && !isLost)
        broken.push(...world.problems(version).map((one) => `${call}: ${kind}: ${one}`));
      await sidecar.converge();
      broken.push(...world.problems("v2").map((one) => `${call}: ${kind}, after another look: ${one}`));
    }
    expect(broken).toEqual([]);
  });

  test.each([
    ["passes", null, "v2"],
    ["fails", "v2", "v1"],
  ])("killed anywhere in a roll that %s", async (_result, bad, version) => {
    const broken: string[] = [];
    const walked = writes(await callsOf(services, bad));
    for (const call of walked) {
      for (const trouble of ["kill-before", "kill-after"] as const) {
        const world = await World.on(services);
        world.bad = bad;
        await untilKilled(new Sidecar(world, at(call.n, trouble)).converge());
        const outcomes = await converge(world);
        broken.push(...world.problems(version).map((one) => `${trouble} ${said(call)}: ${outcomes}: ${one}`));
      }
    }
    expect(walked.length).toBeGreaterThan(8);
    expect(broken).toEqual([]);
  });

  test.each([
    ["passes", null, "v2"],
    ["fails", "v2", "v1"],
  ])("killed anywhere in a roll that %s, and again anywhere in the recovery", async (_result, bad, version) => {
    const broken: string[] = [];
    for (const first of writes(await callsOf(services, bad))) {
      for (let n = 1, second: Call | undefined; n === 1 || second !== undefined; n++) {
        const world = await World.on(services);
        world.bad = bad;
        await untilKilled(new Sidecar(world, at(first.n, "kill-after")).converge());
        let count = 0;
        second = undefined;
        const script: Script = (call) => {
          if (!call.mutates || ++count !== n) return null;
          second = call;
          return "kill-after";
        };
        await untilKilled(new Sidecar(world, script).recover());
        const outcomes = await converge(world);
        const where = `${said(first)}, then ${said(second)}: ${outcomes}`;
        broken.push(...world.problems(version).map((one) => `${where}: ${one}`));
      }
    }
    expect(broken).toEqual([]);
  });

  test("killed anywhere, then the machine reboots", async () => {
    const broken: string[] = [];
    for (const call of writes(await callsOf(services, null))) {
      const world = await World.on(services);
      await untilKilled(new Sidecar(world, at(call.n, "kill-after")).converge());
      world.reboot();
      const outcomes = await converge(world);
      broken.push(...world.problems("v2").map((one) => `${said(call)}: ${outcomes}: ${one}`));
    }
    expect(broken).toEqual([]);
  });

  test.each([
    ["pass", null, "v2"],
    ["fail", "v2", "v1"],
  ])("killed anywhere, then somebody runs docker compose start; gates %s", async (_result, bad, version) => {
    const broken: string[] = [];
    for (const call of writes(await callsOf(services, bad))) {
      const world = await World.on(services);
      world.bad = bad;
      await untilKilled(new Sidecar(world, at(call.n, "kill-after")).converge());
      world.composeStart();
      const outcomes = await converge(world);
      broken.push(...world.problems(version).map((one) => `${said(call)}: ${outcomes}: ${one}`));
    }
    expect(broken).toEqual([]);
  });

  test("killed anywhere once the old ones were renamed, then somebody removes a new one", async () => {
    const broken: string[] = [];
    const walked = writes(await callsOf(services, null));
    const renamed = walked.findIndex(({ name }) => name === "rename");
    const committed = walked.findIndex(({ name }) => name === "remove");
    for (const call of walked.slice(renamed, committed)) {
      const world = await World.on(services);
      await untilKilled(new Sidecar(world, at(call.n, "kill-after")).converge());
      removeNewest(world);
      const outcomes = await converge(world);
      broken.push(...world.problems("v2").map((one) => `${said(call)}: ${outcomes}: ${one}`));
    }
    expect(broken).toEqual([]);
  });

  test.each<Trouble>(["refuse-500", "unreachable", "answer-lost"])(
    "%s once on the way back: never two, and nobody is needed",
    async (trouble) => {
      const broken: string[] = [];
      for (const { n } of await callsOf(services, "v2")) {
        const world = await World.on(services);
        world.bad = "v2";
        const sidecar = new Sidecar(world, at(n, trouble));
        await sidecar.converge().catch(() => undefined);
        const call = said(sidecar.session.calls[n - 1]);
        const kinds = sidecar.outcomes.map((one) => one.kind).join(" ");
        if (kinds.includes("stuck")) broken.push(`${call}: ${kinds}`);
        const outcomes = await converge(world);
        broken.push(...world.problems("v1").map((one) => `${call}: ${kinds}; then ${outcomes}: ${one}`));
      }
      expect(broken).toEqual([]);
    },
  );
});

test("H40: the old one outlives a new one that nobody has proven, also where the drop was emptied meanwhile", async () => {
  const world = await World.on(SOLO);
  const old = world.containersOf("bot")[0]!.id;
  const kill: Script = ({ name }) => (name === "start" ? "kill-after" : null);
  await untilKilled(new Sidecar(world, kill).converge());
  world.reboot();
  await converge(world);
  expect(world.containersOf("bot").map(({ id }) => id)).toEqual([old]);
  expect(world.problems("v2")).toEqual([]);
});

test("H22: a refused one that a restarted engine has brought up again is stopped, and leaves no roll stuck", async () => {
  const world = await World.on(SOLO);
  world.bad = "v2";
  let isRestarted = false;
  const sidecar = new Sidecar(world, ({ name, about }) => {
    if (name !== "remove" || isRestarted) return null;
    isRestarted = true;
    world.engine.start(about);
    world.engine.violations.length = 0;
    return null;
  });
  // Whoever hears of its start stops it: while the engine is away, nobody does.
  world.engine.onEvent = () => undefined;
  expect((await sidecar.roll()).kind).toBe("rolled-back");
  expect(world.problems("v1")).toEqual([]);
});

test("H22: the kept one loses its restart policy once it is stopped, never while it runs, and gets it back", async () => {
  for (const bad of [null, "v2"]) {
    const world = await World.on(SOLO);
    world.bad = bad;
    const states: string[] = [];
    const script: Script = ({ name, about }) => {
      if (name === "update")
        states.push(`${about.replace(/[0-9a-f]{12}/, "<id>")} ${world.engine.byName(about)!.state}`);
      return null;
    };
    await new Sidecar(world, script).roll();
    const stripped = "stack-bot-1.bak.<id> exited";
    expect(states).toEqual(bad === null ? [stripped] : [stripped, "stack-bot-1 exited"]);
    expect(world.containersOf("bot").map((one) => one.policy["Name"])).toEqual(["always"]);
  }
});

test("H22: the kept one has lost its restart policy before its successor is started", async () => {
  const world = await World.on(SOLO);
  const sidecar = new Sidecar(world);
  await sidecar.roll();
  const names = sidecar.session.calls.map(({ name }) => name);
  expect(names.indexOf("update")).toBeLessThan(names.indexOf("start"));
});

test("a copy that the engine makes otherwise than it was told to is removed, and nothing else is touched", async () => {
  const world = await World.on(SOLO);
  const before = world.containersOf("bot").map(({ id, startedAt, name }) => [id, startedAt, name]);
  const create = world.engine.create.bind(world.engine);
  world.engine.create = (name, spec) => {
    const HostConfig = { ...(spec.body["HostConfig"] as object), CapAdd: ["NET_ADMIN"] };
    return create(name, { ...spec, body: { ...spec.body, HostConfig } });
  };
  const sidecar = new Sidecar(world);
  const outcome = await sidecar.roll();
  expect(outcome).toMatchObject({ fault: { code: "roll-unfaithful" } });
  expect(outcome).toMatchObject({ fault: { message: expect.stringContaining("HostConfig.CapAdd") as string } });
  expect(world.containersOf("bot").map(({ id, startedAt, name }) => [id, startedAt, name])).toEqual(before);
  expect(sidecar.session.calls.filter(({ name }) => ["stop", "rename", "start"].includes(name))).toEqual([]);
  expect(world.problems("v1")).toEqual([]);
});

test("H5: a roll that begins with a name of Compose's making ends with the canonical one", async () => {
  const world = await World.on(SOLO);
  const bot = world.containersOf("bot")[0]!;
  world.engine.rename(bot.id, `0123456789ab_${bot.name}`);
  await new Sidecar(world).converge();
  expect(world.problems("v2")).toEqual([]);
});

test("told to stop in the middle, everything is back and tried again", async () => {
  const broken: string[] = [];
  for (const { n } of await callsOf(TRIO, null)) {
    const world = await World.on(TRIO);
    const sidecar: Sidecar = new Sidecar(world, (call) => {
      if (call.n === n) sidecar.shutdown.abort();
      return null;
    });
    const { kind } = await sidecar.roll();
    const call = said(sidecar.session.calls[n - 1]);
    if (kind !== "committed" && kind !== "undone") broken.push(`${call}: ${kind}`);
    broken.push(...world.problems(kind === "committed" ? "v2" : "v1").map((one) => `${call}: ${kind}: ${one}`));
  }
  expect(broken).toEqual([]);
});

test("a full drop is nobody's fault: undone, not quarantined", async () => {
  const world = await World.on(SOLO);
  const sidecar = new Sidecar(world);
  const deliver = sidecar.ctx.drops.deliver.bind(sidecar.ctx.drops);
  let full = true;
  Object.assign(sidecar.ctx.drops, {
    deliver: (...[generation, adopt]: Parameters<typeof deliver>) => {
      if (full) return Promise.reject(new SidecryptError("drop-full", "volume bot-secrets is full"));
      return deliver(generation, adopt);
    },
  });
  expect(await sidecar.roll()).toMatchObject({ kind: "undone", fault: { code: "drop-full" } });
  expect(world.problems("v1")).toEqual([]);
  full = false;
  await sidecar.converge();
  expect(world.problems("v2")).toEqual([]);
});

test("what the engine refuses before anything was touched is not the generation's fault", async () => {
  const kinds: string[] = [];
  for (const name of ["list", "image", "create"]) {
    const world = await World.on(SOLO);
    const sidecar = new Sidecar(world, (call) => (call.name === name ? "refuse-500" : null));
    kinds.push(`${name}: ${(await sidecar.roll()).kind}`);
  }
  expect(kinds).toEqual(["list: undone", "image: undone", "create: undone"]);
});
