/** Who goes along when another one is replaced, and what cannot be done: plans as people read them. */
import { describe, expect, it } from "vitest";
import { plan, printPlan } from "../../src/plan/index.ts";
import type { Observed, ObservedContainer } from "../../src/types.ts";
import { bundle, change, container, emptied, fallbackOf, input, settled, world } from "./builders.ts";

const before = bundle({ KEY: "old" });
const after = bundle({ KEY: "new" });
const bot = container("bot", { secrets: "KEY" });

const plain = (service: string, options: { bound?: string; more?: Partial<ObservedContainer> } = {}) =>
  container(service, {
    volume: null,
    with: {
      labels: { "com.docker.compose.depends_on": options.bound ?? "" },
      ...options.more,
    },
  });

type Joins = Readonly<Record<string, "namespacesOf" | "volumesOf">>;

/** A settled stack in which these share with the first one. */
function sharing(joins: Joins, first: ObservedContainer, ...others: ObservedContainer[]): Observed {
  const observed = settled(world([first, ...others]), before);
  const owner = observed.containers.find(({ service }) => service === first.service)!.id;
  return change(
    observed,
    Object.fromEntries(Object.entries(joins).map(([service, key]) => [service, { [key]: [owner] }])),
  );
}

const text = (observed: Observed): string => printPlan(plan(input(observed, after)));

describe("followers", () => {
  it("H38: dependents with restart: true restart after it, others are left alone", () => {
    const web = plain("web", { bound: "bot:service_healthy:true" });
    const page = plain("page", { bound: "web:service_started:true" });
    const free = plain("free", { bound: "bot:service_healthy:false" });
    expect(text(sharing({}, bot, web, page, free))).toBe(
      [
        "unit bot:",
        "  deliver bot-secrets: KEY changed",
        "  1. recreate bot (bot-1): KEY changed",
        "  2. restart web (web-1): it depends on bot with restart: true",
        "  3. restart page (page-1): it depends on web with restart: true",
        "",
      ].join("\n"),
    );
  });

  it("H34: those in its namespaces are made anew, also one that does not run", () => {
    const joins: Joins = { inside: "namespacesOf", stopped: "namespacesOf", reader: "volumesOf" };
    const stopped = plain("stopped", { more: { state: "exited" } });
    const lines = text(sharing(joins, bot, plain("inside"), stopped, plain("reader"))).split("\n");
    expect(lines.filter((line) => line.startsWith("  2."))).toEqual([
      "  2. recreate inside (inside-1): it shares namespaces or volumes of bot",
      "  2. recreate reader (reader-1): it shares namespaces or volumes of bot",
      "  2. recreate stopped (stopped-1): it shares namespaces or volumes of bot",
    ]);
  });

  it("a restart in place takes those in its namespaces along, and nobody who only has its volumes", () => {
    const restarted = container("bot", { secrets: "KEY", labels: { "on-change": "restart" } });
    const joins: Joins = { inside: "namespacesOf", reader: "volumesOf" };
    const made = plan(input(sharing(joins, restarted, plain("inside"), plain("reader")), after));
    expect(made.units.flatMap((unit) => unit.followers.map(({ proving, how }) => [proving.service, how]))).toEqual([
      ["inside", "restart"],
    ]);
  });

  it("a consumer that only takes a signal is made anew where its namespaces go", () => {
    const child = container("child", {
      secrets: "KEY",
      labels: { "on-change": "signal:HUP" },
    });
    expect(text(sharing({ child: "namespacesOf" }, bot, child))).toContain(
      "  2. recreate child (child-1): KEY changed",
    );
  });

  it("nobody follows a signal", () => {
    const signalled = container("bot", { secrets: "KEY", labels: { "on-change": "signal:HUP" } });
    const web = plain("web", { bound: "bot:service_healthy:true" });
    const made = plan(input(settled(world([signalled, web]), before), after));
    expect(made.units.flatMap((unit) => unit.followers)).toEqual([]);
  });

  it("on an emptied drop, those in its namespaces are restarted after it", () => {
    const observed = emptied(sharing({ inside: "namespacesOf" }, bot, plain("inside")));
    const made = plan(input(observed, before, { fallback: fallbackOf(observed, before) }));
    expect(printPlan(made)).toContain("restart bot (bot-1), and then inside-1 in its namespaces: its drop was emptied");
  });
});

describe("what cannot be done", () => {
  it("H44: start-first beside a reason against it is refused, naming it", () => {
    const first = container("bot", {
      secrets: "KEY",
      labels: { order: "start-first" },
      with: { soleReason: "it has a fixed IP address" },
    });
    const made = plan(input(world([first]), before));
    expect(made.refusals[0]?.fault).toMatchObject({
      code: "not-supported",
      message: "service bot: label sidecrypt.order: start-first is not possible, since it has a fixed IP address",
    });
  });

  it("H44: start-first beside a child of its namespaces is refused, naming the child", () => {
    const first = container("bot", { secrets: "KEY", labels: { order: "start-first" } });
    const inside = plain("inside", { more: { namespacesOf: [first.id] } });
    const made = plan(input(world([first, inside]), before));
    expect(made.refusals[0]?.fault.message).toContain("since inside shares its namespaces or volumes");
  });

  it("H39: a task of Swarm is refused, and nobody else with it", () => {
    const task = container("task", { secrets: "KEY" });
    const swarm = { ...task, labels: { ...task.labels, "com.docker.swarm.service.id": "s" } };
    const made = plan(input(settled(world([bot, swarm]), before), after));
    expect(made.refusals.map(({ services, fault }) => [services, fault.code])).toEqual([[["task"], "not-supported"]]);
    expect(made.units.flatMap((unit) => unit.steps.map((step) => step.consumer.service))).toEqual(["bot"]);
  });

  it("a command for a server that does not run is held back, with its clients", () => {
    const server = container("server", { secrets: "KEY", labels: { "on-change": "exec:alter" } });
    const client = container("client", { secrets: "KEY", dependsOn: ["server"] });
    const stopped = change(settled(world([server, client]), before), { server: { state: "exited" } });
    const made = plan(input(stopped, after));
    expect(made.units).toEqual([]);
    expect(made.held).toMatchObject([{ kind: "held", services: ["client", "server"] }]);
    expect(made.held[0]?.reason).toContain("server does not run");
  });
});
