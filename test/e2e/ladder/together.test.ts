/** What a roll does beside its own container: those that follow it, the one that it overlaps, the one that fails and stays. */
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { connectEngine } from "../../../src/docker/engine.ts";
import type { DockerPort } from "../../../src/docker/port.ts";
import type { EventLog } from "../harness/events.ts";
import { useStack, watch } from "../harness/fixture.ts";
import type { Definition } from "../harness/model.ts";
import { apiOf, idle } from "../harness/replace.ts";
import { loaded, shell } from "../harness/shell.ts";
import { serviceOf, type Stack } from "../harness/stack.ts";
import { badKey, randomValue } from "../harness/values.ts";
import { waitUntil } from "../harness/wait.ts";

const KEYS = {
  first: "FIRST_KEY",
  keeper: "KEEPER_KEY",
  stopper: "STOPPER_KEY",
  server: "SERVER_KEY",
  parent: "PARENT_KEY",
  restarted: "RESTARTED_KEY",
} as const;
type Service = keyof typeof KEYS;

const still = (more: Readonly<Record<string, unknown>>): Definition => idle(more) as never;
const on = (service: string, restart: boolean) => ({
  depends_on: { [service]: { condition: "service_started", restart } },
});

const stackOf = useStack({
  secrets: Object.fromEntries(Object.values(KEYS).map((name) => [name, randomValue()])),
  services: {
    // A port of the engine's choice is another one for each.
    first: shell(KEYS.first, { labels: { "sidecrypt.order": "start-first" }, ports: ["80"] }),
    keeper: shell(KEYS.keeper, { labels: { "sidecrypt.on-failure": "keep" } }),
    stopper: shell(KEYS.stopper, { labels: { "sidecrypt.on-failure": "stop" } }),
    server: shell(KEYS.server),
    bound: still(on("server", true)),
    chained: still(on("bound", true)),
    free: still(on("server", false)),
    parent: shell(KEYS.parent),
    network: still({ network_mode: "service:parent" }),
    process: still({ pid: "service:parent" }),
    restarted: shell(KEYS.restarted, { labels: { "sidecrypt.on-change": "restart" } }),
    inside: still({ network_mode: "service:restarted" }),
  },
});

async function settled(): Promise<Stack> {
  const stack = stackOf();
  const { consumers } = await stack.status();
  const behind = consumers.filter(({ state }) => state !== "current").map(({ service }) => KEYS[service as Service]);
  if (behind.length > 0) await stack.bundle.set(Object.fromEntries(behind.map((name) => [name, randomValue()])));
  await stack.waitCommitted();
  return stack;
}

async function change(stack: Stack, service: Service, key: string): Promise<void> {
  await stack.bundle.set({ [KEYS[service]]: key });
  await stack.waitLooked();
  if (key.startsWith("bad-")) await stack.waitState(service, "quarantined", 60);
  else await stack.waitCommitted();
}

const hasNetwork = async (stack: Stack, service: string): Promise<boolean> =>
  (await stack.exec(service, "grep", "-q", "eth0", "/proc/net/dev")).code === 0;

const times = (events: EventLog, service: string, action: string): number[] =>
  events.of(service, action).map((event) => event.time);

/** A consumer beside those of the Compose file, on the drop of one of them. */
async function createAsking(stack: Stack, docker: DockerPort, service: string, { host, ...rest }: Sole): Promise<void> {
  const { project } = stack;
  const body = {
    Image: "sidecrypt-bot",
    Labels: {
      "com.docker.compose.project": project,
      "com.docker.compose.service": service,
      "com.docker.compose.container-number": "1",
      "sidecrypt.secrets": KEYS.first,
      "sidecrypt.order": "start-first",
    },
    HostConfig: { Binds: [`${project}_first-secrets:/run/secrets:ro,nocopy`], ...host },
    ...rest.config,
    NetworkingConfig: { EndpointsConfig: rest.endpoints ?? {} },
  };
  await docker.create(rest.name ?? `${project}-${service}-1`, { body, connect: [] });
}

interface Sole {
  readonly reason: string;
  readonly host?: object;
  readonly endpoints?: Readonly<Record<string, object>>;
  readonly config?: object;
  readonly name?: string;
}

/** By service. */
function solesOf({ project }: Stack, network: string, subnet: string, isOld: boolean): Readonly<Record<string, Sole>> {
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const published = (HostPort: string) => ({ PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort }] } });
  const [there, MacAddress] = [{ NetworkMode: network }, "02:5c:de:ad:be:ee"];
  return {
    shared: { reason: "joined shares its namespaces or volumes" },
    joined: {
      reason: "it lives in another container's namespaces",
      host: { PidMode: `container:${project}-shared-1` },
    },
    fixed: { reason: "it publishes a port of the host", host: published(String(port)) },
    ranged: { reason: "it publishes a port of the host", host: published(`${port}-${port + 10}`) },
    address: {
      reason: "it has a fixed IP address",
      host: there,
      endpoints: { [network]: { IPAMConfig: { IPv4Address: `${subnet}.7` } } },
    },
    hardware: {
      reason: "it has a fixed MAC address",
      host: there,
      ...(isOld ? { config: { MacAddress } } : { endpoints: { [network]: { MacAddress } } }),
    },
    host: { reason: "it is on the host's network", host: { NetworkMode: "host" } },
    named: { reason: "it has a container_name of its own", name: `${project}-of-its-own` },
  };
}

/** Until the sidecar knows of none of them any more. */
async function removeAsking(stack: Stack, services: readonly string[]): Promise<void> {
  const found = (await stack.containers()).filter((one) => services.includes(serviceOf(one)));
  await stack.engine.docker("rm", "--force", ...found.map(({ Id }) => Id));
  await waitUntil("the sidecar knows none of them", async () => {
    const { consumers } = await stack.status();
    return consumers.every(({ service }) => !services.includes(service));
  });
}

describe("H44: sidecrypt.order: start-first", () => {
  test("the new one must be proven beside the old one, which stops only then", async () => {
    const stack = await settled();
    const before = await stack.inspect("first");
    const events = watch(stack);
    const key = randomValue();

    await change(stack, "first", key);

    const after = await stack.inspect("first");
    expect([after.Name, after.Id === before.Id]).toEqual([before.Name, false]);
    expect(await loaded(stack, "first")).toBe(key);
    expect(times(events, "first", "start")[0]!).toBeLessThan(times(events, "first", "die")[0]!);
  });

  test("one that fails must leave the old one running as it was", async () => {
    const stack = await settled();
    const before = (await stack.lives())["first"];

    await change(stack, "first", badKey());

    expect((await stack.lives())["first"]).toBe(before);
  });

  test("must be refused by name and reason where no copy can run beside the old one", async () => {
    const stack = await settled();
    const network = `${stack.project}_fixed`;
    const subnet = `10.212.${1 + Math.floor(Math.random() * 250)}`;
    const label = `com.docker.compose.project=${stack.project}`;
    await stack.engine.docker("network", "create", "--label", label, "--subnet", `${subnet}.0/24`, network);
    const docker = await connectEngine(stack.engine.socket, { clock: systemClock, callTimeout: 60_000 });
    const soles = Object.entries(solesOf(stack, network, subnet, apiOf(docker) < 44));
    onTestFinished(() =>
      removeAsking(
        stack,
        soles.map(([service]) => service),
      ),
    );
    for (const [service, sole] of soles) await createAsking(stack, docker, service, sole);

    const wanted = soles.map(([service, { reason }]) => {
      const why = `label sidecrypt.order: start-first is not possible, since ${reason}`;
      return `${service} not-supported service ${service}: ${why}`;
    });
    await waitUntil("each is refused for its own reason", async () => {
      const { consumers } = await stack.status();
      const said = consumers.map(({ service, code, reason }) => `${service} ${code} ${reason}`);
      const missing = wanted.filter((one) => !said.includes(one));
      if (missing.length > 0) throw new Error([...missing, "but", ...said].join("\n"));
      return true;
    });
  });
});

describe("sidecrypt.on-failure", () => {
  test("keep must leave the new container running on the new file, and status must say that it failed", async () => {
    const stack = await settled();
    const before = (await stack.ids())["keeper"];
    const key = badKey();

    await stack.bundle.set({ [KEYS.keeper]: key });
    await stack.waitLooked();
    await stack.waitState("keeper", "failed", 60);

    expect((await stack.inspect("keeper")).Id).not.toBe(before);
    expect(await loaded(stack, "keeper")).toBe(key);
    const { code, stdout } = await stack.sidecrypt("status");
    expect([code, stdout]).toEqual([7, expect.stringMatching(/keeper: failed.*unhealthy/) as string]);
  });

  test("stop must leave the new container stopped, until a person starts it", async () => {
    const stack = await settled();

    await stack.bundle.set({ [KEYS.stopper]: badKey() });
    await stack.waitLooked();
    await stack.waitState("stopper", "failed", 60);
    expect((await stack.inspect("stopper")).State.Running).toBe(false);

    const key = randomValue();
    await change(stack, "stopper", key);
    expect((await stack.inspect("stopper")).State.Running).toBe(false);
    await stack.compose("start", "stopper");
    expect(await stack.file("stopper", KEYS.stopper)).toBe(key);
  });
});

describe("H38: dependents with restart: true", () => {
  test("must be stopped before, in reverse order, and started after; others must not be touched", async () => {
    const stack = await settled();
    const before = await stack.lives();
    const events = watch(stack);

    await change(stack, "server", randomValue());

    const order = ["chained", "bound", "server"].map((service) => times(events, service, "die")[0]!);
    const starts = ["server", "bound", "chained"].map((service) => times(events, service, "start").at(-1)!);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    const after = await stack.lives();
    expect(after["free"]).toBe(before["free"]);
    for (const service of ["bound", "chained"])
      expect(after[service]!.split(" ")[0]).toBe(before[service]!.split(" ")[0]);
  });

  test("must be started again after the old one when the new one fails", async () => {
    const stack = await settled();
    const before = await stack.ids();
    const events = watch(stack);

    await change(stack, "server", badKey());

    expect(await stack.ids()).toEqual(before);
    expect((await stack.inspect("chained")).State.Running).toBe(true);
    expect(times(events, "bound", "start").at(-1)!).toBeGreaterThan(times(events, "server", "start").at(-1)!);
  });
});

describe("H34: children of namespaces", () => {
  const CHILDREN = ["network", "process"];

  test("must be made anew in those of the new container", async () => {
    const stack = await settled();
    const before = await stack.ids();

    await change(stack, "parent", randomValue());

    const parent = await stack.inspect("parent");
    for (const service of CHILDREN) {
      const child = await stack.inspect(service);
      expect([child.State.Running, child.Id === before[service]]).toEqual([true, false]);
    }
    expect((await stack.inspect("network")).HostConfig["NetworkMode"]).toBe(`container:${parent.Id}`);
    expect((await stack.inspect("process")).HostConfig["PidMode"]).toBe(`container:${parent.Id}`);
    expect(await hasNetwork(stack, "network")).toBe(true);
  });

  test("must be back in those of the old one when the new one fails", async () => {
    const stack = await settled();
    const before = await stack.ids();

    await change(stack, "parent", badKey());

    expect(await stack.ids()).toEqual(before);
    for (const service of CHILDREN) expect((await stack.inspect(service)).State.Running).toBe(true);
    expect(await hasNetwork(stack, "network")).toBe(true);
  });

  test("must be restarted with a parent that is restarted in place", async () => {
    const stack = await settled();
    const before = await stack.ids();

    await change(stack, "restarted", randomValue());

    expect(await stack.ids()).toEqual(before);
    expect(await hasNetwork(stack, "inside")).toBe(true);
  });
});
