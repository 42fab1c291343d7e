/** Containers on networks of every kind, replaced (H2-H5, H27-H33): what was asked for stays, what was assigned goes. */
import { expect, test } from "vitest";
import { comparable } from "../harness/compare.ts";
import type { Container } from "../harness/engine.ts";
import {
  apiOf,
  composeVerdicts,
  idle,
  replace,
  replaceForGood,
  usePlainStack,
  type Versions,
} from "../harness/replace.ts";
import { Kin } from "../../../src/roll/kin.ts";
import { refuseUncopyable } from "../../../src/roll/spec.ts";
import { mustInspect } from "../../../src/roll/swap.ts";

/** Out of the ranges that engines take by themselves. */
const NET = 1 + Math.floor(Math.random() * 250);
const SUBNET = `10.214.${NET}`;
const SIX = `fd5c:${NET.toString(16)}::`;
const MAC = "02:5c:de:ad:be:ef";

/** Of both, the first that knows it. */
const knowsPriority = ({ api, compose }: Versions): boolean => api >= 48 && compose >= 233;

const servicesOf = (there: Versions) => ({
  several: idle({
    networks: {
      back: {
        aliases: ["several-back", "deadbeef"],
        ipv4_address: `${SUBNET}.70`,
        ipv6_address: `${SIX}70`,
        priority: 10,
      },
      front: { aliases: ["several-front"] },
      aside: { link_local_ips: ["169.254.77.8"] },
    },
  }),
  generated: idle({ networks: { front: {}, aside: {} } }),
  target: idle({ networks: { front: {} } }),
  linked: idle({ networks: { front: {} }, links: ["target:nick"] }),
  bridge: idle({ network_mode: "bridge" }),
  legacy: idle({ network_mode: "bridge", links: ["bridge:old"] }),
  none: idle({ network_mode: "none" }),
  // By themselves engines take the first network of the alphabet for the way out.
  routed: idle({ networks: { across: {}, front: knowsPriority(there) ? { gw_priority: 5 } : {} } }),
});

const SERVICES = Object.keys(servicesOf({ api: 0, compose: 0 }));
const stackOf = usePlainStack((there) => ({
  services: servicesOf(there),
  networks: {
    back: { enable_ipv6: true, ipam: { config: [{ subnet: `${SUBNET}.0/24` }, { subnet: `${SIX}/64` }] } },
    front: {},
    aside: {},
    across: {},
  },
}));

/** The engine keeps links in no order. */
function seen(one: Container): unknown {
  const links = [...((one.HostConfig["Links"] ?? []) as readonly string[])].toSorted();
  return comparable({ ...one, HostConfig: { ...one.HostConfig, Links: links } });
}
const networkOf = (one: Container, name: string) =>
  Object.entries(one.NetworkSettings.Networks).find(([network]) => network.endsWith(`_${name}`))![1];

async function resolves(service: string, name: string): Promise<string> {
  const { stdout } = await stackOf().stack.exec(service, "getent", "hosts", name);
  return stdout.split(/\s+/)[0] ?? "";
}

async function replaced(service: string): Promise<{ before: Container; after: Container }> {
  const { stack, docker } = stackOf();
  const before = await stack.inspect(service);
  await replaceForGood(docker, before.Id);
  const after = await stack.inspect(service);
  expect(after.Id).not.toBe(before.Id);
  expect(after.State.Running).toBe(true);
  return { before, after };
}

test.each(["several", "generated", "linked", "legacy", "none", "routed"])(
  "H28, H29, H30, H27: %s is the same on every network after each of two rolls",
  async (service) => {
    const { before } = await replaced(service);
    const { after } = await replaced(service);
    expect(seen(after)).toEqual(seen(before));
  },
);

test("H28, H29: several networks, each with its addresses and names, and the same first one", async () => {
  const { after } = await replaced("several");
  expect(after.HostConfig["NetworkMode"]).toMatch(/_back$/);
  expect(networkOf(after, "back")).toMatchObject({ IPAddress: `${SUBNET}.70`, GlobalIPv6Address: `${SIX}70` });
  expect(networkOf(after, "aside")["IPAMConfig"]).toMatchObject({ LinkLocalIPs: ["169.254.77.8"] });
  expect(await resolves("target", "several-front")).toBe(networkOf(after, "front")["IPAddress"]);
  expect(await resolves("target", "several")).toBe(networkOf(after, "front")["IPAddress"]);
});

test("H2, H3: names stay, an alias that looks like an id too, and the old short id goes", async () => {
  const { before, after } = await replaced("several");
  const aliases = networkOf(after, "back").Aliases ?? [];
  expect(aliases).toEqual(expect.arrayContaining(["several", "several-back", "deadbeef"]));
  expect(JSON.stringify(after.NetworkSettings)).not.toContain(before.Id.slice(0, 12));
});

test("H1: the hostname is the new container's own id", async () => {
  const { after } = await replaced("generated");
  expect(after.Config.Hostname).toBe(after.Id.slice(0, 12));
});

test("H30: a chosen address of the interface stays, a generated one is generated anew", async () => {
  const { stack, docker } = stackOf();
  // Compose 2.26 itself loses it on an engine before API 1.44.
  const network = `${stack.project}_front`;
  const isOld = apiOf(docker) < 44;
  const body = {
    Image: "sidecrypt-redis",
    Entrypoint: ["sleep", "infinity"],
    StopSignal: "SIGKILL",
    Labels: { "com.docker.compose.project": stack.project },
    ...(isOld ? { MacAddress: MAC } : {}),
    HostConfig: { NetworkMode: network },
    NetworkingConfig: { EndpointsConfig: { [network]: isOld ? {} : { MacAddress: MAC } } },
  };
  const id = await docker.create(`${stack.project}-mac`, { body, connect: [] });
  await docker.start(id);

  const { newId } = await replaceForGood(docker, id);

  const address = ["cat", "/sys/class/net/eth0/address"];
  expect((await stack.engine.docker("exec", newId, ...address)).trim()).toBe(MAC);
  await stack.engine.docker("rm", "--force", newId);
  const generated = await replaced("generated");
  expect((await docker.inspect(generated.after.Id))?.config["MacAddress"] ?? "").toBe("");
});

test("H27: a link of a network of its own resolves after either end was replaced", async () => {
  const { after } = await replaced("target");
  expect(await resolves("linked", "nick")).toBe(networkOf(after, "front")["IPAddress"]);
  await replaced("linked");
  expect(await resolves("linked", "nick")).toBe(networkOf(after, "front")["IPAddress"]);
});

test("H27, H4: a link of the default bridge goes with the container that has it", async () => {
  const { stack } = stackOf();
  await replaced("legacy");
  const { IPAddress } = (await stack.inspect("bridge")).NetworkSettings.Networks["bridge"]!;
  expect(await resolves("legacy", "old")).toBe(IPAddress);
});

test("H27: the target of a link of the default bridge is refused, by the name of the one that links to it", async () => {
  const { stack, docker } = stackOf();
  const others = await new Kin().all(docker);
  const [target, legacy] = await Promise.all(
    ["bridge", "legacy"].map(async (service) => mustInspect({ docker }, (await stack.inspect(service)).Id)),
  );
  expect(() => {
    refuseUncopyable(target!, others);
  }).toThrow(`${target!.name} cannot be replaced: container ${legacy!.name} links to it on the default bridge`);
  expect(() => {
    refuseUncopyable(legacy!, others);
  }).not.toThrow();
});

/** The network by which it reaches the world. */
async function wayOut(service: string): Promise<string | undefined> {
  const { stdout } = await stackOf().stack.exec(service, "cat", "/proc/net/route");
  const rows = stdout.split("\n").map((row) => row.split("\t"));
  const gateway = rows.find(([, destination]) => destination === "00000000")?.[2] ?? "";
  const address = [...Buffer.from(gateway, "hex").reverse()].join(".");
  const { Networks } = (await stackOf().stack.inspect(service)).NetworkSettings;
  return Object.entries(Networks).find(([, network]) => network["Gateway"] === address)?.[0];
}

test("H31: the way out of a container leads through the same network, the one of the highest priority where engines have it", async () => {
  const { stack, there } = stackOf();
  const before = await wayOut("routed");
  const { after } = await replaced("routed");
  expect(await wayOut("routed")).toBe(before);
  const isChosen = knowsPriority(there);
  expect(before).toBe(`${stack.project}_${isChosen ? "front" : "across"}`);
  expect(networkOf(after, "front")["GwPriority"] ?? 0).toBe(isChosen ? 5 : 0);
});

test("H31: options of an endpoint's driver stay", async () => {
  const { stack, docker } = stackOf();
  const network = `${stack.project}_aside`;
  const options = ["--network", network, "--driver-opt", "com.example.choice=yes"];
  const id = (
    await stack.engine.docker(
      "create",
      "--name",
      `${stack.project}-driver`,
      "--label",
      `com.docker.compose.project=${stack.project}`,
      "sidecrypt-redis",
      "sleep",
      "infinity",
    )
  ).trim();
  await stack.engine.docker("network", "connect", ...options.slice(2), network, id);
  await stack.engine.docker("start", id);

  const { newId } = await replaceForGood(docker, id);

  expect((await docker.inspect(newId))?.networks[network]).toMatchObject({
    DriverOpts: { "com.example.choice": "yes" },
  });
  await stack.engine.docker("rm", "--force", newId);
});

test("H32: a network that was made anew meanwhile is found by its name", async () => {
  const { stack } = stackOf();
  const { Id } = await stack.inspect("generated");
  const network = `${stack.project}_aside`;
  const users = (await stack.containers()).filter((one) => network in one.NetworkSettings.Networks);
  for (const one of users) await stack.engine.docker("network", "disconnect", network, one.Id);
  const labels = JSON.parse(
    await stack.engine.docker("network", "inspect", "--format", "{{json .Labels}}", network),
  ) as Record<string, string>;
  await stack.engine.docker("network", "rm", network);
  const options = Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
  const made = (await stack.engine.docker("network", "create", ...options, network)).trim();
  await stack.engine.docker("network", "connect", "--alias", "again", network, Id);

  const { after } = await replaced("generated");

  expect(networkOf(after, "aside")).toMatchObject({ NetworkID: made });
  expect(networkOf(after, "aside").Aliases).toContain("again");
});

test("H7, H8: the name is handed over by renaming, and leads to the new container at once", async () => {
  const { stack, docker } = stackOf();
  const old = await stack.inspect("target");
  const { newId } = await replace(docker, old.Id);

  const names = (await stack.containersOf("target")).map((one) => [one.Id, one.Name]);
  const short = old.Id.slice(0, 12);
  expect(Object.fromEntries(names)).toEqual({ [newId]: old.Name, [old.Id]: `${old.Name}.bak.${short}` });
  const { networks } = (await docker.inspect(newId))!;
  expect(await resolves("linked", old.Name.slice(1))).toBe(networks[`${stack.project}_front`]?.["IPAddress"]);
  await docker.remove(old.Id);
});

test("H5: a candidate that cannot be connected leaves nothing behind", async () => {
  const { stack, docker } = stackOf();
  const name = `${stack.project}-half`;
  const body = { Image: "sidecrypt-redis", HostConfig: {} };
  // On a network without a subnet of somebody's choice.
  const endpoint = { IPAMConfig: { IPv4Address: "10.1.1.1" } };
  const spec = { body, connect: [{ network: `${stack.project}_front`, endpoint }] };
  await expect(docker.create(name, spec)).rejects.toMatchObject({ code: "docker-refused" });
  expect(await docker.inspect(name)).toBeNull();
});

test("docker compose up leaves all but the one that was moved alone", async () => {
  const verdicts = await composeVerdicts(stackOf().stack);
  const names = SERVICES.filter((name) => name !== "several" && name !== "generated");
  expect(verdicts).toMatchObject(Object.fromEntries(names.map((name) => [name, "Running"])));
});
