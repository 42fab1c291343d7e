/** What people did stands (DESIGN.md rule 8), also in the middle of a roll. */
import { describe, expect, test } from "vitest";
import type { Call } from "./fake-session.ts";
import { nameOf, type Service, Sidecar, World } from "./world.ts";

const BOT: readonly Service[] = [{ name: "bot" }];
const PAIR: readonly Service[] = [{ name: "redis" }, { name: "bot", after: ["redis"] }];

/** Does something right after the first call that matches. */
function whenever(matches: (call: Call) => boolean, act: () => void) {
  let done = false;
  let armed = false;
  return (call: Call): null => {
    if (armed && !done) {
      done = true;
      act();
    }
    if (matches(call)) armed = true;
    return null;
  };
}

describe.each(["recreate", "restart"])("on-change %s", (onChange) => {
  const services: readonly Service[] = [{ name: "redis" }, { name: "bot", after: ["redis"], onChange }];

  test("a client stopped by hand while its server is rolled gets its files and is not started", async () => {
    const world = await World.on(services);
    const stop = whenever(
      (call) => call.name === "start" && call.about === nameOf("redis"),
      () => {
        world.engine.stop(nameOf("bot"));
      },
    );
    await new Sidecar(world, stop).converge();
    expect(world.containersOf("bot").map(({ name, state }) => [name, state])).toEqual([[nameOf("bot"), "exited"]]);
    expect(world.drops.read("bot-secrets")).toBe("v2");
    expect(world.containersOf("redis").map(({ loaded }) => loaded)).toEqual(["v2"]);
  });

  test("a client removed by hand while its server is rolled is no fault of the new secret", async () => {
    const world = await World.on(services);
    const bot = world.containersOf("bot")[0]!;
    const remove = whenever(
      (call) => call.name === "start" && call.about === nameOf("redis"),
      () => {
        world.engine.stop(bot.id);
        world.engine.containers.delete(bot.id);
      },
    );
    const sidecar = new Sidecar(world, remove);
    await sidecar.converge();
    expect(sidecar.outcomes.map(({ kind }) => kind)).not.toContain("rolled-back");
    expect(world.containersOf("redis").map(({ loaded }) => loaded)).toEqual(["v2"]);
  });
});

test("the new one stopped by hand during its gate stays stopped, and commits", async () => {
  const world = await World.on(BOT);
  const stop = whenever(
    (call) => call.name === "start",
    () => {
      world.engine.stop(nameOf("bot"));
    },
  );
  const outcome = await new Sidecar(world, stop).roll();
  expect(outcome.kind).toBe("committed");
  expect(world.containersOf("bot").map(({ name, state }) => [name, state])).toEqual([[nameOf("bot"), "exited"]]);
});

test.each(["stop", "rename", "start", "update"])("a backup started after our %s is stopped again", async (name) => {
  const world = await World.on(BOT);
  const old = world.containersOf("bot")[0]!;
  const start = whenever(
    (call) => call.name === name && call.about.startsWith(nameOf("bot")),
    () => {
      world.engine.start(old.id);
      world.engine.violations.length = 0;
    },
  );
  const sidecar = new Sidecar(world, start);
  await sidecar.converge();
  // Our own start is under way by then: for as long as the guard takes there are two.
  const moment = world.engine.violations.splice(0);
  expect(moment).toEqual(name === "update" ? [expect.stringContaining("started while")] : []);
  expect(world.problems("v2")).toEqual([]);
});

test("a backup that was started and stopped again hides no person's stop of it later on", async () => {
  const world = await World.on(BOT);
  world.bad = "v2";
  const old = world.containersOf("bot")[0]!;
  const start = whenever(calls("update"), () => {
    world.engine.start(old.id);
    world.engine.violations.length = 0;
  });
  const stop = whenever(calls("start", 2), () => {
    world.engine.stop(old.id);
  });
  const sidecar = new Sidecar(world, (call) => {
    start(call);
    return stop(call);
  });
  expect((await sidecar.roll()).kind).toBe("rolled-back");
  expect(world.containersOf("bot").map(({ name, state }) => [name, state])).toEqual([[nameOf("bot"), "exited"]]);
});

test("docker compose restart just before our stop of the refused one is no stop by hand: the old one runs again", async () => {
  const world = await World.on(BOT);
  world.bad = "v2";
  let stops = 0;
  const sidecar = new Sidecar(world, ({ name, about }) => {
    if (name === "stop" && ++stops === 2) world.engine.restart(about);
    world.engine.violations.length = 0;
    return null;
  });
  expect((await sidecar.roll()).kind).toBe("rolled-back");
  expect(world.problems("v1")).toEqual([]);
});

test("a signal of ours is not taken for a human's: a process that dies of the new secret fails its gate", async () => {
  const world = await World.on([{ name: "bot", onChange: "signal:HUP" }]);
  world.engine.behave = (one) => (one.loaded === "v2" ? "exits" : "healthy");
  const outcome = await new Sidecar(world).roll();
  expect(outcome.kind).not.toBe("committed");
  expect(world.drops.read("bot-secrets")).toBe("v1");
});

test("a signal of ours is sent again on the way back, so that the process holds what its drop holds", async () => {
  const world = await World.on([{ name: "bot", onChange: "signal:HUP" }]);
  world.bad = "v2";
  const outcome = await new Sidecar(world).roll();
  expect(outcome.kind).toBe("rolled-back");
  expect(world.problems("v1")).toEqual([]);
});

test("stopped by hand after a signal of ours it stays stopped", async () => {
  const world = await World.on([{ name: "bot", onChange: "signal:HUP" }]);
  const stop = whenever(
    (call) => call.name === "kill",
    () => {
      world.engine.stop(nameOf("bot"));
    },
  );
  const outcome = await new Sidecar(world, stop).roll();
  expect(outcome.kind).toBe("committed");
  expect(world.containersOf("bot").map(({ state }) => state)).toEqual(["exited"]);
});

test("somebody's HUP to the new one is no reason to leave the old one stopped", async () => {
  const world = await World.on(BOT);
  world.bad = "v2";
  const hup = whenever(
    (call) => call.name === "start",
    () => {
      world.engine.kill(nameOf("bot"), "HUP");
    },
  );
  await new Sidecar(world, hup).roll();
  expect(world.problems("v1")).toEqual([]);
});

test.each(["before anything is done", "once the files are there"])(
  "a server with a command that is stopped after the look, %s, keeps its clients on the old password",
  async (when) => {
    const world = await World.on([
      { name: "redis", onChange: "exec:reload" },
      { name: "bot", after: ["redis"] },
    ]);
    const stop = whenever(
      (call) => call.name === (when === "before anything is done" ? "list" : "deliver"),
      () => {
        world.engine.stop(nameOf("redis"));
      },
    );
    const sidecar = new Sidecar(world, stop);
    expect((await sidecar.roll()).kind).toBe("undone");
    expect(world.containersOf("bot").map(({ state, loaded }) => [state, loaded])).toEqual([["running", "v1"]]);
    expect(world.drops.read("bot-secrets")).toBe("v1");
  },
);

test("a bot removed by hand while its copy is being made stays removed", async () => {
  const world = await World.on(BOT);
  const old = world.containersOf("bot")[0]!;
  const remove = (call: Call): null => {
    if (call.name === "create") {
      world.engine.stop(old.id);
      world.engine.containers.delete(old.id);
    }
    return null;
  };
  const sidecar = new Sidecar(world, remove);
  await sidecar.converge();
  expect(world.containersOf("bot")).toEqual([]);
  expect(sidecar.outcomes.map(({ kind }) => kind)).not.toContain("rolled-back");
  expect(world.drops.read("bot-secrets")).toBe("v2");
});

test("the candidate removed by hand: the old one is back, with its own restart policy", async () => {
  const world = await World.on(BOT);
  const remove = whenever(
    (call) => call.name === "start",
    () => {
      world.engine.stop(nameOf("bot"));
      world.engine.remove(nameOf("bot"));
    },
  );
  await new Sidecar(world, remove).roll();
  expect(world.problems("v1")).toEqual([]);
});

const calls =
  (name: string, time = 1) =>
  (call: Call): boolean =>
    call.name === name && --time === 0;

/** Compose's `up` between the create and the stop: the newest of two stays, under the name that it has (H6). */
function composeUp(world: World, old: string): void {
  world.engine.stop(old);
  world.engine.containers.delete(old);
  world.engine.start([...world.engine.containers.keys()][0]!);
}

test.each(["create", "inspect"])(
  "H6: docker compose up right after our %s of the new one ends under the right name",
  async (name) => {
    const world = await World.on(BOT);
    const old = world.containersOf("bot")[0]!;
    let created = false;
    const up = whenever(
      (call) => (created ||= call.name === "create") && call.name === name,
      () => {
        composeUp(world, old.id);
      },
    );
    await new Sidecar(world, up).converge();
    expect(world.problems("v2")).toEqual([]);
    expect(world.quarantine).toEqual([]);
  },
);

test("H6: docker compose up on the way back, which removes the old one and starts the refused one, leaves that one", async () => {
  const world = await World.on(BOT);
  world.bad = "v2";
  const old = world.containersOf("bot")[0]!;
  const up = whenever(calls("start", 2), () => {
    composeUp(world, old.id);
  });
  await new Sidecar(world, up).roll();
  expect(world.containersOf("bot").map(({ name, state, loaded }) => [name, state, loaded])).toEqual([
    [nameOf("bot"), "running", "v1"],
  ]);
});

test("H6: the new one started before its turn is stopped, and the roll goes on", async () => {
  const world = await World.on(BOT);
  const start = whenever(calls("create"), () => {
    const candidate = world.containersOf("bot").find(({ state }) => state === "created")!;
    world.engine.start(candidate.id);
    world.engine.violations.length = 0;
  });
  const sidecar = new Sidecar(world, start);
  await sidecar.roll();
  expect(sidecar.session.calls.filter(({ name, about }) => name === "kill" && about.includes("_"))).toHaveLength(1);
  expect(world.problems("v2")).toEqual([]);
});

test("H6: docker compose up while the new one is made: the old one stopped, then removed, and its copy is what is left", async () => {
  const world = await World.on(BOT);
  const old = world.containersOf("bot")[0]!;
  let isStopped = false;
  const up = whenever(calls("create"), () => {
    world.engine.stop(old.id);
    isStopped = true;
  });
  world.clock.beforeSleep = () => {
    if (!isStopped || !world.engine.containers.delete(old.id)) return;
    world.engine.start(world.containersOf("bot")[0]!.id);
  };
  const sidecar = new Sidecar(world, up);
  await sidecar.converge();
  expect(sidecar.outcomes.map(({ kind }) => kind)).toEqual(["committed"]);
  expect(world.problems("v2")).toEqual([]);
});

test.each([
  ["passes", null],
  ["fails", "v2"],
])(
  "H6: docker compose up that chooses the kept old one while the gate waits (a gate that %s): one runs, on what its drop holds",
  async (_, bad) => {
    const world = await World.on(BOT);
    world.bad = bad;
    const old = world.containersOf("bot")[0]!;
    let chosen: string | null = null;
    const up = whenever(calls("start"), () => {
      chosen = world.engine.byName(nameOf("bot"))!.id;
      world.engine.stop(chosen);
    });
    world.clock.beforeSleep = () => {
      if (chosen === null || !world.engine.containers.delete(chosen)) return;
      world.engine.start(old.id);
    };
    await new Sidecar(world, up).converge();
    expect(world.problems(bad === null ? "v2" : "v1")).toEqual([]);
  },
);

test("H6: docker compose up that removes the new one before its turn is no fault of the new secret", async () => {
  const world = await World.on(BOT);
  const up = whenever(calls("create"), () => {
    const made = [...world.engine.containers.values()].find(({ state }) => state === "created");
    if (made !== undefined) world.engine.containers.delete(made.id);
  });
  const sidecar = new Sidecar(world, up);
  expect(await sidecar.roll()).toMatchObject({ kind: "undone" });
  expect(world.problems("v1")).toEqual([]);
  await sidecar.converge();
  expect(world.problems("v2")).toEqual([]);
});

test("stopped by hand while the new one is made it stays stopped", async () => {
  const world = await World.on(BOT);
  const stop = whenever(calls("create"), () => {
    world.engine.stop(nameOf("bot"));
  });
  await new Sidecar(world, stop).converge();
  expect(world.containersOf("bot").map(({ name, state }) => [name, state])).toEqual([[nameOf("bot"), "exited"]]);
});

test.each([
  ["before the stop", "create", 1],
  ["before the start", "rename", 1],
  ["at its gate", "start", 1],
  ["on the way back, before the files", "stop", 2],
  ["on the way back, before the old one starts", "rename", 4],
  ["on the way back, at the old one's gate", "start", 2],
])("H47: a service of which both containers are removed %s is left, and nothing is stuck", async (_, name, time) => {
  const world = await World.on(BOT);
  world.bad = "v2";
  const down = whenever(calls(name, time), () => {
    world.engine.containers.clear();
  });
  const sidecar = new Sidecar(world, down);
  const outcome = await sidecar.roll();
  expect(world.engine.containers.size).toBe(0);
  expect(outcome.kind).toBe("undone");
});

test("after a way back that failed, nothing more is done", async () => {
  const world = await World.on([
    { name: "bot1" },
    { name: "bot2", after: ["bot1"] },
    { name: "bot3", after: ["bot1"] },
  ]);
  world.bad = "v2";
  world.engine.behave = (one) => (one.loaded === "v2" && one.name !== nameOf("bot1") ? "unhealthy" : "healthy");
  // From the way back on, one start of its second wave is refused for good while the other one is under way.
  let starts = 0;
  const sidecar = new Sidecar(world, (call) => {
    const isOld = call.name === "start" && call.about === nameOf("bot2");
    return isOld && ++starts >= 2 ? "refuse-500" : null;
  });
  const outcome = await sidecar.roll();
  const before = sidecar.session.calls.length;
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(outcome.kind).toBe("stuck");
  expect(sidecar.session.calls.slice(before).map(({ name, about }) => `${name} ${about}`)).toEqual([]);
});

test("an operation of which one candidate was promoted by docker compose up leaves no other one lying about", async () => {
  const world = await World.on(PAIR);
  // Killed with redis rolled and the bot's candidate created; then `docker compose up redis` removes its backup (H6).
  const sidecar = new Sidecar(world, (call) => {
    return call.name === "create" && call.about.endsWith(nameOf("bot")) ? "kill-after" : null;
  });
  await sidecar.converge().catch(() => undefined);
  const backup = [...world.engine.containers.values()].find(({ name }) => name.includes(".bak."))!;
  world.engine.containers.delete(backup.id);
  await new Sidecar(world).converge();
  expect(world.problems("v2")).toEqual([]);
});
