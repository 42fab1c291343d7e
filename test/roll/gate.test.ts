import { describe, expect, test } from "vitest";
import { EngineRefusal } from "../../src/docker/dial.ts";
import type { Inspected } from "../../src/docker/port.ts";
import { gate, healthTimeout, Interrupted, commandOf, type Proof } from "../../src/roll/gate.ts";
import { Hands } from "../../src/roll/hands.ts";
import type { Consumer } from "../../src/types.ts";
import { FakeClock } from "./fake-clock.ts";
import { recorded, withConfig } from "./inspects.ts";

const SECONDS = 1_000;
/** With a healthcheck: 3 s start period and 4 × (2 s + 1 s). */
const CHECKED: Inspected = { ...recorded("db"), health: { status: "starting", failingStreak: 0, checks: [] } };
const PLAIN: Inspected = recorded("plain");

const consumer = (changes: Partial<Consumer> = {}): Consumer => ({
  service: "db",
  volume: "secrets",
  containers: [],
  after: [],
  onChange: { kind: "recreate" },
  probe: null,
  healthTimeout: null,
  settle: 10 * SECONDS,
  order: "stop-first",
  onFailure: "rollback",
  unproven: false,
  asks: new Map(),
  templates: [],
  ...changes,
});

const healthy: Partial<Inspected> = { health: { status: "healthy", failingStreak: 0, checks: [] } };
const unhealthy: Partial<Inspected> = { health: { status: "unhealthy", failingStreak: 4, checks: [] } };

/** What is seen from `after` milliseconds on; null: nothing any more. */
type Script = readonly (readonly [after: number, changes: Partial<Inspected> | null])[];

class Scene {
  readonly clock = new FakeClock(0);
  readonly hands = new Hands();
  readonly shutdown = new AbortController();
  readonly commands: (readonly string[])[] = [];
  readonly limits: number[] = [];
  readonly #first: Inspected;
  readonly #script: Script;
  readonly #codes: (number | Error)[];

  constructor(first: Inspected, script: Script, codes: readonly (number | Error)[] = []) {
    this.#first = first;
    this.#script = script;
    this.#codes = [...codes];
  }

  run(changes: Partial<Consumer> = {}): Promise<Proof> {
    const docker = {
      inspect: () => Promise.resolve(this.#now()),
      exec: (_: string, command: readonly string[], limit: number) => {
        this.commands.push(command);
        this.limits.push(limit);
        const code = this.#codes.length > 1 ? this.#codes.shift() : this.#codes[0];
        return code instanceof Error ? Promise.reject(code) : Promise.resolve(code ?? -1);
      },
    };
    type Docker = Parameters<typeof gate>[0]["docker"];
    const context = { docker: docker as unknown as Docker, clock: this.clock, hands: this.hands };
    return gate({ ...context, shutdown: this.shutdown.signal }, this.#first.id, consumer(changes));
  }

  #now(): Inspected | null {
    const past = this.#script.filter(([after]) => after <= this.clock.now());
    if (past.some(([, changes]) => changes === null)) return null;
    return past.reduce<Inspected>((seen, [, changes]) => ({ ...seen, ...changes }), this.#first);
  }
}

describe("a healthcheck", () => {
  test("healthy passes, as soon as it is", async () => {
    const scene = new Scene(CHECKED, [[4_000, healthy]]);
    expect(await scene.run()).toBe("proven");
    expect(scene.clock.now()).toBe(4_000);
  });

  test("unhealthy fails at once", async () => {
    const scene = new Scene(CHECKED, [[4_000, unhealthy]]);
    await expect(scene.run()).rejects.toMatchObject({
      code: "roll-failed",
      message: "service db: it turned unhealthy",
    });
    expect(scene.clock.now()).toBe(4_000);
  });

  test("starting is waited for until the healthcheck's own figures and a margin are over", async () => {
    const scene = new Scene(CHECKED, []);
    await expect(scene.run()).rejects.toThrow("it did not become healthy in time");
    expect(scene.clock.now()).toBe((3 + 4 * (2 + 1) + 10) * SECONDS);
  });

  test("sidecrypt.health-timeout is the limit instead", async () => {
    const scene = new Scene(CHECKED, []);
    await expect(scene.run({ healthTimeout: 2_000 })).rejects.toThrow("it did not become healthy in time");
    expect(scene.clock.now()).toBe(2_000);
  });

  test.each<[string, Record<string, unknown> | null, number | null]>([
    ["all given", { Test: ["CMD", "x"], Interval: 1e9, Timeout: 3e9, StartPeriod: 5e9, Retries: 2 }, 5 + 2 * 4 + 10],
    ["Docker's defaults", { Test: ["CMD", "x"] }, 3 * 60 + 10],
    ["zero is the default too", { Test: ["CMD-SHELL", "x"], Interval: 0, Timeout: 0, Retries: 0 }, 3 * 60 + 10],
    ["none", null, null],
    ["switched off", { Test: ["NONE"] }, null],
    ["inherited and empty", { Test: [] }, null],
  ])("limit of a healthcheck: %s", (_, Healthcheck, seconds) => {
    const limit = healthTimeout(withConfig(PLAIN, { Healthcheck }));
    expect(limit).toBe(seconds === null ? null : seconds * SECONDS);
  });
});

describe("while it is watched", () => {
  test.each<[string, Partial<Inspected> | null, string]>([
    ["it exits", { state: "exited", exitCode: 3 }, "it exited with code 3"],
    ["it dies for good", { state: "dead" }, "it is dead"],
    ["it is being restarted", { state: "restarting" }, "it is restarting"],
    ["it is paused", { state: "paused" }, "it is paused"],
    ["its restart count rises (H42)", { restartCount: 1 }, "it restarts by itself"],
    ["its start changes (H42)", { startedAt: "2026-11-22T12:09:00Z" }, "it restarts by itself"],
    ["it is removed", null, "its container was removed"],
  ])("%s: fails", async (_, changes, reason) => {
    for (const first of [CHECKED, PLAIN]) {
      const scene = new Scene(first, [[1_000, changes]]);
      await expect(scene.run()).rejects.toMatchObject({ code: "roll-failed", message: `service db: ${reason}` });
    }
  });

  test("it is gone before the first look: fails", async () => {
    await expect(new Scene(PLAIN, [[0, null]]).run()).rejects.toThrow("its container is gone");
  });

  test.each([CHECKED, PLAIN])("stopped by hand it neither fails nor is proven", async (first) => {
    const scene = new Scene(first, [[1_000, { state: "exited", exitCode: 137 }]]);
    scene.clock.beforeSleep = () => {
      scene.hands.observe({ action: "kill", container: first.id, labels: { signal: "15" } });
    };
    expect(await scene.run({ probe: "true" })).toBe("stopped-by-hand");
  });

  test.each([CHECKED, PLAIN])("the end of the sidecar ends it, and is no failure of the generation", async (first) => {
    const scene = new Scene(first, []);
    scene.clock.beforeSleep = (now) => {
      if (now >= 1_000) scene.shutdown.abort();
    };
    await expect(scene.run()).rejects.toBeInstanceOf(Interrupted);
    expect(scene.clock.now()).toBeLessThan(2_000);
  });
});

describe("no healthcheck", () => {
  test("steady running for its settle time passes, unproven", async () => {
    const scene = new Scene(PLAIN, []);
    expect(await scene.run()).toBe("unproven");
    expect(scene.clock.now()).toBe(10 * SECONDS);
  });

  test("settles for as long as its label says", async () => {
    const scene = new Scene(PLAIN, []);
    expect(await scene.run({ settle: 500 })).toBe("unproven");
    expect(scene.clock.now()).toBeLessThan(1_000);
  });
});

describe("a probe", () => {
  test("exit 0 proves it, without settling", async () => {
    const scene = new Scene(PLAIN, [], [0]);
    expect(await scene.run({ probe: "redis-cli ping" })).toBe("proven");
    expect(scene.commands).toEqual([["/bin/sh", "-c", "redis-cli ping"]]);
    expect(scene.clock.now()).toBe(0);
  });

  test("is run again until it exits 0", async () => {
    const scene = new Scene(PLAIN, [], [1, 127, new EngineRefusal(409, "not running"), 0]);
    expect(await scene.run({ probe: "x" })).toBe("proven");
    expect(scene.commands).toHaveLength(4);
  });

  test("fails when it has not by the deadline", async () => {
    const scene = new Scene(PLAIN, [], [1]);
    await expect(scene.run({ probe: "x", healthTimeout: 5_000 })).rejects.toThrow("did not exit 0 in time");
    expect(scene.clock.now()).toBeLessThanOrEqual(6_000);
    expect(Math.max(...scene.limits)).toBeLessThanOrEqual(5_000);
  });

  test("comes after the healthcheck, within one deadline", async () => {
    const scene = new Scene(CHECKED, [[20_000, healthy]], [1]);
    await expect(scene.run({ probe: "x" })).rejects.toThrow("did not exit 0 in time");
    expect(scene.clock.now()).toBeLessThan(27_000);
  });

  test("a container that dies meanwhile fails by what it did", async () => {
    const scene = new Scene(PLAIN, [[1_500, { state: "exited", exitCode: 1 }]], [1]);
    await expect(scene.run({ probe: "x" })).rejects.toThrow("it exited with code 1");
  });

  test("one that turns unhealthy while it is probed fails", async () => {
    const scene = new Scene(
      CHECKED,
      [
        [0, healthy],
        [2_000, unhealthy],
      ],
      [1, 1, 1, 0],
    );
    await expect(scene.run({ probe: "x" })).rejects.toThrow("it turned unhealthy");
  });

  test.each([
    ["redis-cli ping", ["/bin/sh", "-c", "redis-cli ping"]],
    ['["redis-cli", "ping"]', ["redis-cli", "ping"]],
    ["[ -e /ready ]", ["/bin/sh", "-c", "[ -e /ready ]"]],
    ["[]", ["/bin/sh", "-c", "[]"]],
  ])("%s is run as %j", (label, command) => {
    expect(commandOf(label)).toEqual(command);
  });
});
