/** Several units at once, and what is never done twice. */
import { describe, expect, test, vi } from "vitest";
import { statusExit } from "../../src/report/status.ts";
import type { Call } from "../roll/fake-session.ts";
import type { Service } from "../roll/world.ts";
import { CycleWorld, NEVER, type Options } from "./cycle-world.ts";

const own = (name: string, rest: Partial<Service> = {}): Service => ({
  name,
  secret: `${name.toUpperCase()}_KEY`,
  ...rest,
});
const THREE: readonly Service[] = [own("bot1"), own("bot2"), own("bot3")];
const SHARING: readonly Service[] = [{ name: "bot1" }, { name: "bot2" }, { name: "bot3" }];

/** The most services that had a candidate and a backup at one moment, by the calls of the rolls. */
function mostAtOnce(calls: readonly Call[]): number {
  const open = new Set<string>();
  let most = 0;
  for (const { name, about } of calls) {
    const service = /-(redis|bot\d)-/.exec(about)?.[1] ?? "";
    if (name === "create") open.add(service);
    // The backup goes last.
    if (name === "remove") open.delete(service);
    most = Math.max(most, open.size);
  }
  return most;
}

const on = (services: readonly Service[], options: Options) => CycleWorld.on(services, options);

describe("parallelism", () => {
  test.each([1, 2, 3])("of %i: so many units are rolled at once, and all of them in the end", async (parallelism) => {
    const it = await on(THREE, { parallelism });
    await it.set("v2");
    expect(it.world.problems("v2")).toEqual([]);
    expect(mostAtOnce(it.sidecar.session.calls)).toBe(parallelism);
  });

  test("units that share a changed name roll one after another", async () => {
    const it = await on(SHARING, { parallelism: 3 });
    await it.set("v2");
    expect(it.world.problems("v2")).toEqual([]);
    expect(mostAtOnce(it.sidecar.session.calls)).toBe(1);
  });

  test("one bad key that several share stops at the first bot", async () => {
    const it = await on(SHARING, { parallelism: 3 });
    it.world.bad = "v2";
    await it.set("v2");
    expect(it.world.problems("v1")).toEqual([]);
    expect(it.sidecar.session.calls.filter(({ name }) => name === "create")).toHaveLength(1);
    expect(it.status.consumers.map(({ state }) => state)).toEqual(["quarantined", "held", "held"]);
  });

  test("one that fails does not keep another that is under way from passing", async () => {
    const it = await on(THREE.slice(0, 2), { parallelism: 2 });
    const behave = it.world.engine.behave;
    it.world.engine.behave = (one) => (one.loaded === "v2" && one.name.includes("bot1") ? "unhealthy" : behave(one));
    await it.set("v2");
    expect([it.loaded("bot1"), it.loaded("bot2")]).toEqual([["v1"], ["v2"]]);
    expect(it.status.consumers.map(({ state }) => state)).toEqual(["quarantined", "current"]);
    // What is half done reads like something else that is to be done.
    expect(it.events("planned")).toHaveLength(1);
  });

  test("a client waits while its server is being rolled for something else", async () => {
    const it = await on([own("redis"), own("bot1", { after: ["redis"] })], { parallelism: 2 });
    const gate = new Gate(it, "redis");
    const change = only(it, "REDIS_KEY");
    const run = it.run();
    await until(() => it.created("redis").length > 0);
    change("REDIS_KEY", "BOT1_KEY");
    await ringOften(it);
    expect(it.created("bot1")).toEqual([]);
    gate.open();
    await run;
    expect([it.loaded("redis"), it.loaded("bot1")]).toEqual([["v2"], ["v2"]]);
  });

  test("a client waits while its server is on its way back, and is not blamed for it", async () => {
    const it = await on([own("redis"), own("bot1", { after: ["redis"] })], { parallelism: 2 });
    const release = it.holdGates();
    let isBack = false;
    it.world.engine.behave = ({ name, loaded }) => {
      if (!name.includes("redis")) return "healthy";
      return loaded === "v2" ? "unhealthy" : isBack ? "healthy" : "starting";
    };
    const change = only(it, "REDIS_KEY");
    const run = it.run();
    await until(() => it.events("way-back").length > 0 && it.loaded("redis").includes("v1"));
    // The bad password is taken back, too.
    change("BOT1_KEY");
    await ringOften(it);
    expect(it.created("bot1")).toEqual([]);
    isBack = true;
    release();
    await run;
    expect([it.loaded("redis"), it.loaded("bot1")]).toEqual([["v1"], ["v2"]]);
  });

  test("while one waits for its gate, the alarm begins another that changed meanwhile", async () => {
    const it = await on(THREE.slice(0, 2), { parallelism: 2 });
    const gate = new Gate(it, "bot1");
    const change = only(it, "BOT1_KEY");
    const run = it.run();
    await until(() => it.created("bot1").length > 0);
    await ringOften(it);
    expect(it.created("bot2")).toEqual([]);
    change("BOT1_KEY", "BOT2_KEY");
    it.ring();
    await until(() => it.loaded("bot2").includes("v2"));
    expect(it.consumer("bot1").state).toBe("rolling");
    gate.open();
    await run;
    expect(it.world.problems("v2")).toEqual([]);
  });

  test("the end of one begins the next while another goes on", async () => {
    const it = await on(THREE, { parallelism: 2 });
    const gate = new Gate(it, "bot1");
    it.world.version = "v2";
    const run = it.run();
    await until(() => it.loaded("bot3").includes("v2"));
    expect(it.consumer("bot1").state).toBe("rolling");
    gate.open();
    await run;
    expect(it.world.problems("v2")).toEqual([]);
  });

  test("when the sidecar is told to stop, each of them goes back", async () => {
    const it = await on(THREE, { parallelism: 2 });
    new Gate(it, "bot");
    const stop = new AbortController();
    it.world.version = "v2";
    const run = it.run(stop.signal);
    await until(() => it.created("bot1").length > 0 && it.created("bot2").length > 0);
    stop.abort();
    it.sidecar.shutdown.abort();
    await run;
    expect(it.world.problems("v1")).toEqual([]);
    expect(it.created("bot3")).toEqual([]);
  });
});

test("what a look saw in the middle of a way back is not done once the way back has ended", async () => {
  const it = await on([own("bot1")], {
    script: ({ name }) => {
      if (name === "flipBack") looked ??= it.cycle.deliverOnly();
      return null;
    },
  });
  let looked: Promise<void> | undefined;
  let isOver = false;
  it.afterObserve = async () => {
    if (looked !== undefined && it.world.containersOf("bot1").every(({ state }) => state !== "running")) {
      await until(() => isOver);
    }
  };
  new Gate(it, "bot1");
  it.world.version = "v2";
  const stop = new AbortController();
  const run = it.run(stop.signal);
  await until(() => it.created("bot1").length > 0);
  stop.abort();
  it.sidecar.shutdown.abort();
  await until(() => it.events("undone").length > 0);
  isOver = true;
  await run;
  await looked;
  expect(it.world.problems("v1")).toEqual([]);
  expect(it.events("delivered")).toEqual([]);
});

test("looks ahead between two runs only: a run changes what would be seen", async () => {
  const it = await on([own("bot1")], {});
  const gate = new Gate(it, "bot1");
  it.world.version = "v2";
  const run = it.run();
  await until(() => it.created("bot1").length > 0);
  it.cycle.lookAhead();
  gate.open();
  await run;
  expect(it.looksAhead).toBe(0);
  it.cycle.lookAhead();
  await until(() => it.looksAhead === 1);
});

test("H43: where the way back failed too, no later look touches a container of it until someone says retry", async () => {
  let isBroken = false;
  const it = await on([own("bot1")], {
    script: ({ name, about }) => (isBroken && name === "start" && about.includes("bot1") ? "refuse-500" : null),
  });
  it.world.bad = "v2";
  it.world.engine.behave = (one) => {
    if (one.loaded === "v2") isBroken = true;
    return one.loaded === "v2" ? "unhealthy" : "healthy";
  };
  await it.set("v2");
  expect(it.consumer("bot1").state).toBe("stuck");
  expect(statusExit(it.status)).toBe(7);

  const calls = it.sidecar.session.calls.length;
  for (let looks = 0; looks < 3; looks++) await it.run(NEVER);
  expect(it.sidecar.session.calls.slice(calls).filter(({ name, mutates }) => mutates && name !== "markSeen")).toEqual(
    [],
  );

  // Nor does another life of the sidecar.
  isBroken = false;
  await it.start({});
  await it.run(NEVER);
  expect(it.consumer("bot1").state).toBe("stuck");
  expect(it.sidecar.session.calls.filter(({ name, mutates }) => mutates && name !== "markSeen")).toEqual([]);

  isBroken = false;
  it.world.engine.behave = () => "healthy";
  expect(await it.cycle.retry(null, [])).toEqual(["bot1"]);
  await it.run();
  expect(it.world.containersOf("bot1").map(({ state }) => state)).toEqual(["running"]);
});

test("values that go to and fro in one run are rolled each time, and no defect", async () => {
  const it = await on([own("bot1")], {});
  const versions = ["v3", "v2"];
  it.world.engine.behave = () => {
    it.world.version = versions.shift() ?? it.world.version;
    return "healthy";
  };
  await it.set("v2");
  expect(it.events("defect")).toEqual([]);
  expect(it.loaded("bot1")).toEqual(["v2"]);
});

/** The new containers of a service turn healthy when it is opened, and not before. */
class Gate {
  #isOpen = false;
  readonly #release: () => void;

  constructor(it: CycleWorld, service: string) {
    const behave = it.world.engine.behave;
    this.#release = it.holdGates();
    it.world.engine.behave = (one) =>
      one.loaded === "v2" && one.name.includes(service) && !this.#isOpen ? "starting" : behave(one);
  }

  open(): void {
    this.#isOpen = true;
    this.#release();
  }
}

/** Of the bundle's v2 only these secrets are there yet; the returned function says which are from now on. */
function only(it: CycleWorld, ...first: readonly string[]): (...names: readonly string[]) => void {
  const opened = it.world.opened.bind(it.world);
  let names = first;
  it.world.version = "v2";
  it.world.opened = (version) => {
    const before = opened("v1").secrets;
    const now = opened(version);
    const values = [...now.secrets].map(([name, value]) => [name, names.includes(name) ? value : before.get(name)!]);
    return { ...now, secrets: new Map(values as [string, Uint8Array][]) };
  };
  return (...more) => {
    names = more;
  };
}

async function ringOften(it: CycleWorld): Promise<void> {
  for (let rings = 0; rings < 5; rings++) {
    it.ring();
    await turn();
  }
}

/** The engine's fakes take microtasks, the memory's files take turns of the loop. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; turns < 1000; turns++) {
    if (holds()) return;
    await turn();
  }
  throw new Error("it did not come to that");
}

test("a restart that a unit under way is in the middle of is left to it, though another may begin", async () => {
  const services = ["bot1", "bot2"].map((name) => ({ name, onChange: "restart", secret: name.toUpperCase() }));
  const made = await CycleWorld.on(services, { parallelism: 3 });
  const { docker, records } = made.sidecar.ctx;
  const ended: string[] = [];
  const [start, end] = [docker.start.bind(docker), records.endRestart.bind(records)];
  const starts = vi.spyOn(docker, "start").mockImplementation(async (id) => {
    // Between the stop and the start: a look that finds the container down, and what it would do with it.
    if (starts.mock.calls.length === 1) {
      made.ring();
      for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
      expect(starts.mock.calls.filter(([other]) => other === id)).toHaveLength(1);
    }
    return start(id);
  });
  vi.spyOn(records, "endRestart").mockImplementation((id) => {
    ended.push(id);
    return end(id);
  });
  await made.set("v2");
  expect(starts.mock.calls).toHaveLength(2);
  expect(ended.toSorted()).toEqual(
    made.world
      .observe()
      .containers.map(({ id }) => id)
      .toSorted(),
  );
  expect(made.world.problems("v2")).toEqual([]);
});

describe("H39: a container that the engine cannot remove", () => {
  test.each([
    ["kept old", "v2", ["current"]],
    ["failed new", "v1", ["quarantined"]],
  ])("the %s one is told of once, and the bot goes on", async (_, version, states) => {
    const it = await on([own("bot1")], {});
    it.world.engine.resists = ({ state }) => state === "exited" || state === "dead";
    if (version === "v1") it.world.bad = "v2";
    await it.set("v2");
    for (let look = 0; look < 3; look++) await it.run();

    expect(it.events("container-dead")).toHaveLength(1);
    expect(it.events("commit-unfinished")).toEqual([]);
    expect(it.events("recovered")).toEqual([]);
    expect(it.loaded("bot1")).toEqual([version]);
    expect(it.status.consumers.map(({ state }) => state)).toEqual(states);
    expect(it.sidecar.ctx.records.all).toEqual([]);
  });
});
