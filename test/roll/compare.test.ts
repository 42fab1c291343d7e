import { describe, expect, test } from "vitest";
import type { Inspected } from "../../src/docker/port.ts";
import { differences as differencesOn } from "../../src/roll/compare.ts";
import { JOURNAL, NOBODY, recorded, withConfig, withEndpoint, withHost } from "./inspects.ts";

const old = recorded("db");
const ID = "e".repeat(64);

const differences = (left: Inspected, right: Inspected, version = "1.41", replaced = NOBODY): string[] =>
  differencesOn(left, right, version, replaced);

/** What the engine shows of a faithful copy: another id, and what hangs on it; the carried volumes named. */
function copy(): Inspected {
  const networks = Object.entries(old.networks).map(([name, settings]) => {
    const aliases = (settings["Aliases"] as string[]).map((one) =>
      one === old.id.slice(0, 12) ? ID.slice(0, 12) : one,
    );
    return [name, { ...settings, Aliases: aliases, EndpointID: "", IPAddress: "", MacAddress: "" }] as const;
  });
  const mounts = old.mounts.filter((mount) => mount.type === "volume");
  const Mounts = mounts.map((mount) => ({ Type: "volume", Source: mount.name, Target: mount.destination }));
  return {
    ...old,
    id: ID,
    name: `${old.id.slice(0, 12)}_${old.name}`,
    state: "created",
    startedAt: null,
    labels: { ...old.labels, ...JOURNAL },
    config: { ...old.config, Hostname: ID.slice(0, 12), Labels: { ...old.labels, ...JOURNAL } },
    hostConfig: { ...old.hostConfig, Mounts },
    mounts: [...old.mounts].toReversed(),
    networks: Object.fromEntries(networks),
  };
}

describe("a faithful copy", () => {
  test.each<[string, (one: Inspected) => Inspected]>([
    ["as the engine makes it", (one) => one],
    ["with the image's id in place of a moved tag (H12)", (one) => withConfig(one, { Image: old.image })],
    ["with empty lists where there was nothing", (one) => withHost(one, { CapAdd: [], Dns: null, Links: {} })],
    ["with its aliases in another order", (one) => withEndpoint(one, "stack_front", { Aliases: ["db", "stack-db-1"] })],
    [
      "with an address of its interface that the engine made (H30)",
      (one) => withEndpoint(one, "stack_back", { MacAddress: "02:42:00:00:00:01" }),
    ],
    [
      "with a port of the engine's choice said outright (H13)",
      (one) => withHost(one, { PortBindings: { ...(one.hostConfig["PortBindings"] as object), "junk/": null } }),
    ],
  ])("%s", (_, change) => {
    expect(differences(old, change(copy()))).toEqual([]);
  });
});

describe("unfaithful", () => {
  test.each<[string, (one: Inspected) => Inspected, string]>([
    ["another image (H12)", (one) => ({ ...one, image: "sha256:other" }), "Image"],
    [
      "the image's entrypoint is back (H10)",
      (one) => withConfig(one, { Entrypoint: ["/bin/false"] }),
      "Config.Entrypoint",
    ],
    [
      "the old short id as hostname (H1)",
      (one) => withConfig(one, { Hostname: old.id.slice(0, 12) }),
      "Config.Hostname",
    ],
    ["a variable is lost (H11)", (one) => withConfig(one, { Env: ["MODE=x"] }), "Config.Env.0"],
    ["the grace period is lost (H15)", (one) => withConfig(one, { StopTimeout: null }), "Config.StopTimeout"],
    [
      "a healthcheck's field is lost (H14)",
      (one) => withConfig(one, { Healthcheck: { Test: ["CMD", "true"] } }),
      "Config.Healthcheck.Interval",
    ],
    ["a label of Compose's is lost (H37)", (one) => ({ ...one, labels: JOURNAL }), "Config.Labels.note"],
    ["a limit is lost (H26)", (one) => withHost(one, { Ulimits: null }), "HostConfig.Ulimits"],
    [
      "another restart policy (H22)",
      (one) => withHost(one, { RestartPolicy: { Name: "no" } }),
      "HostConfig.RestartPolicy.Name",
    ],
    ["a fresh anonymous volume (H18)", fresh, "Mounts./data.1"],
    ["a writable mount that was read-only", writable, "Mounts./run/secrets.3"],
    [
      "a service's alias is lost (H3)",
      (one) => withEndpoint(one, "stack_back", { Aliases: ["stack-db-1", "database"] }),
      "Networks.stack_back.Aliases.1",
    ],
    [
      "a static address is lost (H29)",
      (one) => withEndpoint(one, "stack_back", { IPAMConfig: null }),
      "Networks.stack_back.IPAMConfig",
    ],
    ["a network is missing (H28)", onOneNetwork, "Networks.stack_front"],
  ])("%s", (_, change, path) => {
    const found = differences(old, change(copy()));
    expect(found).toContain(path);
  });

  test.each([
    ["1.43", "Config.MacAddress"],
    ["1.44", "Networks.stack_back.MacAddress"],
  ])("H30: a chosen address of the interface that was dropped (API %s)", (version, path) => {
    const chosen = withConfig(old, { MacAddress: "02:42:de:ad:be:ef" });
    expect(differences(chosen, copy(), version)).toEqual([path]);
    expect(differences(chosen, withConfig(copy(), { MacAddress: "02:42:de:ad:be:ef" }), version)).toEqual([]);
  });

  test("says where, never what", () => {
    const found = differences(withConfig(old, { Env: ["KEY=hunter2"] }), withConfig(copy(), { Env: ["KEY=hunter3"] }));
    expect(found).toEqual(["Config.Env.0"]);
  });
});

function fresh(one: Inspected): Inspected {
  return {
    ...one,
    mounts: one.mounts.map((mount) => (mount.destination === "/data" ? { ...mount, name: "fresh" } : mount)),
  };
}

function writable(one: Inspected): Inspected {
  return {
    ...one,
    mounts: one.mounts.map((mount) => (mount.destination === "/run/secrets" ? { ...mount, writable: true } : mount)),
  };
}

function onOneNetwork(one: Inspected): Inspected {
  const { stack_back } = one.networks;
  return { ...one, networks: { stack_back: stack_back! } };
}

describe("a successor's", () => {
  const parent = "a".repeat(64);
  const next = "b".repeat(64);
  const replaced = new Map([[parent, next]]);

  test.each(["NetworkMode", "PidMode", "IpcMode"])("H34: %s is no difference, the replaced one's is", (key) => {
    const child = withHost(old, { [key]: `container:${parent}` });
    const moved = withHost(copy(), { [key]: `container:${next}` });
    expect(differences(child, moved, "1.41", replaced)).toEqual([]);
    expect(differences(child, moved)).toContain(`HostConfig.${key}`);
    expect(differences(child, withHost(copy(), { [key]: `container:${parent}` }), "1.41", replaced)).toContain(
      `HostConfig.${key}`,
    );
  });

  test("H20: volumes are no difference, without the flag they are one", () => {
    const child = withHost(old, { VolumesFrom: [`${parent}:ro`] });
    const moved = (source: string) => withHost(copy(), { VolumesFrom: [source] });
    expect(differences(child, moved(`${next}:ro`), "1.41", replaced)).toEqual([]);
    expect(differences(child, moved(next), "1.41", replaced)).toEqual(["HostConfig.VolumesFrom.0"]);
  });

  test("H23: the label of shared memory is its own", () => {
    const label = (level: string) =>
      ["user:system_u", "role:system_r", "type:container_t", level].map((l) => `label=${l}`);
    const child = withHost(old, { IpcMode: `container:${parent}`, SecurityOpt: label("level:s0:c1,c2") });
    const moved = withHost(copy(), { IpcMode: `container:${next}`, SecurityOpt: label("level:s0:c3,c4") });
    expect(differences(child, moved, "1.41", replaced)).toEqual([]);
  });
});

test("H27: a link of the default bridge is shown under the name of the container that has it", () => {
  const linked = withHost(old, { Links: ["/stack-c-1:/stack-db-1/c", "/stack-c-1:/stack-db-1/cache"] });
  const moved = (...links: string[]) => withHost(copy(), { Links: links });
  expect(differences(linked, moved("/stack-c-1:/012345678901_stack-db-1/cache", "/stack-c-1:/x/c"))).toEqual([]);
  expect(differences(linked, moved("/stack-c-1:/x/c"))).toEqual(["HostConfig.Links.1"]);
});

test("H25: a sysctl that went to its endpoint is no difference, a lost one is", () => {
  const sysctls = { "net.ipv4.conf.eth0.log_martians": "1", "net.core.somaxconn": "9" };
  const moved = withHost(copy(), { Sysctls: { "net.core.somaxconn": "9" } });
  const DriverOpts = { "com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1" };
  expect(
    differences(withHost(old, { Sysctls: sysctls }), withEndpoint(moved, "stack_back", { DriverOpts }), "1.48"),
  ).toEqual([]);
  expect(differences(withHost(old, { Sysctls: sysctls }), moved, "1.48")).toEqual(["Networks.stack_back.DriverOpts"]);
});

test.each([
  ["DriverOpts", { DriverOpts: { mode: "x" } }],
  ["GwPriority", { GwPriority: 7 }],
])("H31: %s of an endpoint that were lost", (key, settings) => {
  expect(differences(withEndpoint(old, "stack_back", settings), copy(), "1.48")).toEqual([
    `Networks.stack_back.${key}`,
  ]);
});
