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
      "with its interface's address at the endpoint (H30)",
      (one) => withConfig(one, { MacAddress: "02:42:00:00:00:01" }),
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
      "Networks.stack_back.aliases.1",
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

  test("a chosen address of the interface that was dropped (H30)", () => {
    const chosen = withConfig(old, { MacAddress: "02:42:de:ad:be:ef" });
    const dropped = withEndpoint(copy(), "stack_back", { MacAddress: "02:42:00:00:00:99" });
    // The engine assigns one at the start: before it, nothing can be compared.
    expect(differences(chosen, dropped)).toEqual([]);
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
