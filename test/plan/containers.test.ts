/** Which containers move, which keep what they have, and which are left alone. */
import { describe, expect, it } from "vitest";
import { plan, printPlan } from "../../src/plan/index.ts";
import type { SeenEntry } from "../../src/types.ts";
import {
  apply,
  at,
  BOOT,
  change,
  container,
  delivered,
  drop,
  emptied,
  fallbackOf,
  input,
  settled,
  world,
  type ServiceOptions,
} from "./builders.ts";
import { after, before, bot1, db, NOTHING, stack, text } from "./stacks.ts";

describe("containers that do not run", () => {
  it("one stopped by hand gets its files and is not started", () => {
    const stopped = change(stack, { bot1: { state: "exited", exitCode: 0, restartPolicy: "no" } });
    expect(text(stopped, after({ BOT1_KEY: "new" }))).toBe("deliver bot1-secrets: BOT1_KEY changed\n");
  });

  it("within a unit its files come and go with the unit's", () => {
    const stopped = change(stack, { bot1: { state: "exited", exitCode: 143 } });
    expect(text(stopped, after({ REDIS_PASSWORD: "new" }))).toBe(
      [
        "unit bot2 and redis:",
        "  deliver bot1-secrets: REDIS_PASSWORD changed",
        "  deliver bot2-secrets: REDIS_PASSWORD changed",
        "  deliver redis-secrets: REDIS_PASSWORD changed",
        "  1. recreate redis (redis-1): REDIS_PASSWORD changed",
        "  2. recreate bot2 (bot2-1): REDIS_PASSWORD changed",
        "",
      ].join("\n"),
    );
  });

  it("started again by hand it is current", () => {
    const stopped = change(stack, { bot1: { state: "exited" } });
    const done = apply(stopped, plan(input(stopped, after({ BOT1_KEY: "new" }))), BOOT + 200_000);
    expect(text(done, after({ BOT1_KEY: "new" }))).toBe(NOTHING);
    const again = change(done, { bot1: { state: "running", startedAt: at(BOOT + 300_000) } });
    expect(text(again, after({ BOT1_KEY: "new" }))).toBe(NOTHING);
  });

  it("a paused one gets its files, is not rolled, and is restarted once unpaused", () => {
    const paused = change(stack, { bot1: { state: "paused" } });
    expect(text(paused, after({ BOT1_KEY: "new" }))).toBe(
      "deliver bot1-secrets: BOT1_KEY changed\n" +
        "warning bot1: bot1-1 is paused: its files are delivered, and it gets them once it is unpaused\n",
    );
    const done = apply(paused, plan(input(paused, after({ BOT1_KEY: "new" }))), BOOT + 200_000);
    expect(text(change(done, { bot1: { state: "running" } }), after({ BOT1_KEY: "new" }))).toBe(
      "restart bot1 (bot1-1): it started before its files were delivered\n",
    );
  });

  it("a restarting one is rolled: it may be the old key that it stumbles over", () => {
    const looping = change(stack, { bot1: { state: "restarting" } });
    expect(text(looping, after({ BOT1_KEY: "new" }))).toContain("1. recreate bot1 (bot1-1)");
  });

  it.each(["dead", "removing"] as const)("a %s one does not count", (state) => {
    expect(text(change(stack, { bot1: { state } }), after({ BOT1_KEY: "new" }))).toBe(NOTHING);
  });

  it("a one-off does not count", () => {
    const oneOff = bot1({ with: { oneOff: true, id: "f".repeat(64), name: "bot1-run" } });
    expect(text(world([oneOff]), before)).toBe(NOTHING);
    const beside = { ...stack, containers: [...stack.containers, { ...oneOff, labels: { "sidecrypt.secrets": "*" } }] };
    expect(text(beside, before)).toBe(NOTHING);
  });

  it("the sidecar's own service never counts", () => {
    const other = container("secrets", { secrets: "*", volume: "bot1-secrets", writable: true, state: "created" });
    expect(text({ ...stack, containers: [...stack.containers, other] }, before)).toBe(NOTHING);
  });
});

describe("completed jobs", () => {
  const migrate = container("migrate", { secrets: "DB_PASSWORD", state: "exited", with: { restartPolicy: "no" } });
  const waiting = container("web", { volume: null, dependsOn: ["migrate:service_completed_successfully"] });

  it("find new files when Compose starts them again, and are not acted on", () => {
    const { deliveries, consumers, units } = plan(input(world([migrate, waiting]), before));
    expect(deliveries.map((step) => step.generation.volume)).toEqual(["migrate-secrets"]);
    expect(consumers.map((one) => one.containers)).toEqual([[]]);
    expect(units).toEqual([]);
  });

  it("a fault of theirs is a warning, since nobody waits for their files", () => {
    const broken = { ...migrate, labels: { ...migrate.labels, "sidecrypt.settle": "soon" } };
    expect(text(world([broken, waiting]), before)).toBe(
      `${NOTHING}warning migrate: its job is done; started again it would be refused: ` +
        "service migrate: label sidecrypt.settle is not a duration such as 30s, 1m30s or 500ms\n",
    );
  });

  it.each([
    ["one that failed", { exitCode: 1 }],
    ["one that the engine starts again", { restartPolicy: "always" }],
    ["one that has not run", { state: "created" as const, startedAt: null }],
  ])("%s is a consumer as any other", (_, differing) => {
    const { consumers } = plan(input(world([{ ...migrate, ...differing }, waiting]), before));
    expect(consumers[0]?.containers).toHaveLength(1);
  });

  it("what nobody waits for is a bot stopped by hand", () => {
    expect(plan(input(world([migrate]), before)).consumers[0]?.containers).toHaveLength(1);
  });
});

describe("adoption", () => {
  const a = container("a", { secrets: "BOT1_KEY", volume: "shared" });
  const b = container("b", { secrets: "BOT2_KEY", volume: "shared" });
  const shared = settled(world([a, b]), before);
  const seenBy = (service: string, generation: string): SeenEntry => {
    const { id, startedAt } = shared.containers.find((one) => one.service === service)!;
    return { container: id, startedAt: startedAt ?? "", generation };
  };

  it("who shares a drop and asks for nothing that changed keeps running", () => {
    const made = plan(input(shared, after({ BOT2_KEY: "new" })));
    expect(printPlan(made)).toBe(
      "unit b:\n  deliver shared: BOT2_KEY changed\n  1. recreate b (b-1): BOT2_KEY changed\n",
    );
    const [step] = made.units[0]!.deliveries;
    expect(step?.adopt).toEqual([seenBy("a", step!.generation.id)]);
  });

  it("growth for another consumer rolls nothing", () => {
    const grown = world(
      [...shared.containers, container("c", { secrets: "DB_PASSWORD", volume: "shared", state: "created" })],
      shared.drops,
    );
    const made = plan(input(grown, before));
    expect(printPlan(made)).toBe("deliver shared: DB_PASSWORD added\n");
    const { adopt, generation } = made.deliveries[0]!;
    expect(adopt).toEqual([seenBy("a", generation.id), seenBy("b", generation.id)]);
  });

  it("removal of what nobody asks for any more rolls nothing", () => {
    const shrunk = world(shared.containers.slice(0, 1), shared.drops);
    expect(text(shrunk, before)).toBe("deliver shared: BOT2_KEY removed\n");
  });

  it("removal of a name that a glob would still select rolls", () => {
    const globbing = settled(
      world([container("a", { secrets: "BOT1_*", labels: { "strip-prefix": "BOT1_" } })]),
      after({ BOT1_OLD: "o" }),
    );
    expect(text(globbing, before)).toBe(
      "unit a:\n  deliver a-secrets: BOT1_OLD removed\n  1. recreate a (a-1): BOT1_OLD removed\n",
    );
  });

  it("a container that is not current on what stands there is not adopted", () => {
    const started = { ...shared, drops: shared.drops.map((one) => ({ ...one, seen: [] })) };
    const { units } = plan(input(change(started, { a: { startedAt: at(BOOT) } }), after({ BOT2_KEY: "new" })));
    expect(units[0]?.steps.map((step) => [step.consumer.service, step.cause])).toEqual([
      ["a", "it started before its files were delivered"],
      ["b", "BOT2_KEY changed"],
    ]);
  });

  it("one that takes no notice of changes is always adopted", () => {
    const quiet = settled(world([container("a", { secrets: "BOT1_KEY", labels: { "on-change": "none" } })]), before);
    const made = plan(input(quiet, after({ BOT1_KEY: "new" })));
    expect(made.units).toEqual([]);
    expect(made.deliveries[0]?.adopt).toHaveLength(1);
  });
});

describe("refreshes", () => {
  it("everything on an emptied drop is restarted in order, outside of any unit", () => {
    const rebooted = emptied(stack);
    expect(text(rebooted, before, { fallback: fallbackOf(stack, before) })).toBe(
      [
        "deliver bot1-secrets: it was emptied",
        "deliver bot2-secrets: it was emptied",
        "deliver db-secrets: it was emptied",
        "deliver redis-secrets: it was emptied",
        "restart db (db-1): its drop was emptied",
        "restart redis (redis-1): its drop was emptied",
        "restart bot1 (bot1-1): its drop was emptied",
        "restart bot2 (bot2-1): its drop was emptied",
        "",
      ].join("\n"),
    );
    const { refreshes } = plan(input(rebooted, before));
    expect(refreshes.map(({ consumer, wave }) => `${wave} ${consumer.service}`)).toEqual([
      "0 db",
      "0 redis",
      "1 bot1",
      "1 bot2",
    ]);
  });

  it("the first delivery, to a container that was made and not started", () => {
    expect(text(world([db({ state: "created" })]), before)).toBe("deliver db-secrets: first delivery\n");
  });

  it("the first delivery, to one that runs already", () => {
    expect(text(world([db()]), before)).toBe(
      "deliver db-secrets: first delivery\nrestart db (db-1): it started on an empty drop\n",
    );
  });

  it("a hand-stopped one is not started on an emptied drop either", () => {
    const rebooted = change(emptied(stack), { redis: { state: "exited" } });
    const { refreshes, deliveries } = plan(input(rebooted, before));
    expect(refreshes.map(({ consumer }) => consumer.service)).toEqual(["bot1", "bot2", "db"]);
    expect(deliveries).toHaveLength(4);
  });

  it("one that started while its files were being delivered", () => {
    const early = change(stack, { db: { startedAt: at(BOOT + 60_000 + 249) } });
    expect(text(early, before)).toBe("restart db (db-1): it started before its files were delivered\n");
    expect(text(change(stack, { db: { startedAt: at(BOOT + 60_000 + 250) } }), before)).toBe(NOTHING);
  });

  it("restarts nobody who takes no notice", () => {
    const quiet = world([db({ labels: { "on-change": "none" } })]);
    expect(text(quiet, before)).toBe("deliver db-secrets: first delivery\n");
    expect(text(settled(quiet, before), before)).toBe(NOTHING);
  });
});

describe("a roll that was under way", () => {
  const current = { DB_PASSWORD: "new" };
  const halfway = (previous = delivered({ DB_PASSWORD: "db" }, "p")) =>
    world([db()], [drop("db-secrets", { current: delivered(current, "c", BOOT + 1000), previous })]);

  it("goes on where the files were flipped already", () => {
    const made = plan(input(halfway(), after(current)));
    expect(printPlan(made)).toBe("unit db:\n  1. recreate db (db-1): DB_PASSWORD changed\n");
    expect(made.units[0]).toMatchObject({ deliveries: [], generations: { "db-secrets": "c" }, names: ["DB_PASSWORD"] });
  });

  it("goes back where that is wanted now, under the id that stands there", () => {
    const made = plan(input(halfway(), before));
    expect(made.units[0]?.deliveries).toMatchObject([
      { generation: { id: "p" }, cause: "back to what was committed last" },
    ]);
  });

  it("goes on to a third", () => {
    expect(text(halfway(), after({ DB_PASSWORD: "third" }))).toContain("deliver db-secrets: DB_PASSWORD changed");
  });
});

describe("two containers of one service", () => {
  const old = settled(world([db()]), before);
  const successor = (options: ServiceOptions) =>
    db({ ...options, state: "created", with: { id: "a".repeat(64), name: "0123456789ab_db-1" } });

  it("both get what they ask for while both exist, in any order", () => {
    const next = successor({ secrets: "BOT1_KEY" });
    for (const containers of [
      [...old.containers, next],
      [next, ...old.containers],
    ]) {
      const made = plan(input(world(containers, old.drops), before));
      expect(printPlan(made)).toBe("deliver db-secrets: BOT1_KEY added\n");
      expect(made.deliveries[0]?.adopt).toHaveLength(1);
      expect([...made.consumers[0]!.asks]).toEqual([
        ["DB_PASSWORD", "DB_PASSWORD"],
        ["BOT1_KEY", "BOT1_KEY"],
      ]);
    }
  });

  it("the newer one's settings count", () => {
    const next = successor({ labels: { "on-change": "restart", settle: "3s" } });
    const { consumers } = plan(input(world([next, ...old.containers], old.drops), before));
    expect(consumers).toMatchObject([{ onChange: { kind: "restart" }, settle: 3000 }]);
  });

  it("the newer one mends a label that was broken", () => {
    const broken = change(old, { db: { labels: { ...old.containers[0]!.labels, "sidecrypt.settle": "soon" } } });
    expect(plan(input(broken, before)).refusals).toHaveLength(1);
    const mended = world([...broken.containers, successor({ secrets: "BOT1_KEY" })], old.drops);
    expect(plan(input(mended, before)).refusals).toEqual([]);
  });

  it("a backup is not acted on, and its files stay", () => {
    const backup = { ...old.containers[0]!, isBackup: true, state: "exited" as const, name: "db-1.bak" };
    const candidate = db({ secrets: "BOT1_KEY", with: { id: "b".repeat(64), replaces: backup.id } });
    const { consumers } = plan(input(world([candidate, backup], old.drops), before));
    expect(consumers[0]?.containers).toEqual([candidate]);
    expect([...consumers[0]!.asks.keys()]).toEqual(["DB_PASSWORD", "BOT1_KEY"]);
  });
});
