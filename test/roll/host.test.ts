import { describe, expect, test } from "vitest";
import type { Json } from "../../src/docker/port.ts";
import { copyOf, recorded, withConfig, withEndpoint, withHost } from "./inspects.ts";

const db = recorded("db");
const child = recorded("child");
const PARENT = "a".repeat(64);
const NEXT = "b".repeat(64);
const replaced = new Map([[PARENT, NEXT]]);

const hostOf = (changes: Json, apiVersion = "1.41") => copyOf(withHost(db, changes), { apiVersion, replaced }).host;

describe("values that the engine would refuse", () => {
  test.each<[string, Json, Json]>([
    ["a swappiness of -1", { MemorySwappiness: -1 }, { MemorySwappiness: null }],
    ["swap without memory", { Memory: 0, MemorySwap: 5 }, { MemorySwap: 0 }],
    ["no limit of processes", { PidsLimit: 0 }, { PidsLimit: null }],
    [
      "NanoCpus beside period and quota",
      { NanoCpus: 5, CpuPeriod: 1, CpuQuota: 2 },
      { NanoCpus: 5, CpuPeriod: 0, CpuQuota: 0 },
    ],
    [
      "a device without permissions",
      { Devices: [{ PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "" }] },
      { Devices: [{ PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "rwm" }] },
    ],
  ])("H24: %s", (_, given, sent) => {
    expect(hostOf(given)).toMatchObject(sent);
  });

  test.each<[string, Json]>([
    ["a swappiness of 0", { MemorySwappiness: 0 }],
    ["swap without a limit", { Memory: 0, MemorySwap: -1 }],
    ["period and quota alone", { NanoCpus: 0, CpuPeriod: 1, CpuQuota: 2 }],
    ["a limit of processes", { PidsLimit: 7 }],
  ])("H24: %s means something and stays", (_, given) => {
    expect(hostOf(given)).toMatchObject(given);
  });

  test("H24: options of another type than the mount's", () => {
    const mount = { Type: "tmpfs", Target: "/scratch", TmpfsOptions: { SizeBytes: 1 } };
    expect(hostOf({ Mounts: [{ ...mount, VolumeOptions: {}, BindOptions: {} }] })["Mounts"]).toContainEqual(mount);
  });

  test("H24: limits that the API no longer knows", () => {
    const given = { KernelMemory: 1, KernelMemoryTCP: 2, Capabilities: null };
    expect(hostOf(given, "1.42")).not.toHaveProperty("KernelMemory");
    expect(hostOf(given)).toMatchObject({ KernelMemory: 1 });
    expect(hostOf(given)).not.toHaveProperty("Capabilities");
  });

  test.each(["1.41", "1.51"])("H24: the limit of the buffers of TCP, which the engine sets at API %s, stays", (api) => {
    expect(hostOf({ KernelMemoryTCP: 2 }, api)).toMatchObject({ KernelMemoryTCP: 2 });
  });
});

describe("ports", () => {
  test.each([null, []])("H13: a list that is %j is a port of the engine's choice, said outright", (bindings) => {
    expect(hostOf({ PortBindings: { "80/tcp": bindings } })["PortBindings"]).toEqual({
      "80/tcp": [{ HostIp: "", HostPort: "" }],
    });
  });

  test("H13: chosen ones and ranges stay, a key without a port goes", () => {
    const kept = {
      "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }],
      "90/udp": [{ HostIp: "", HostPort: "9000-9010" }],
    };
    expect(hostOf({ PortBindings: { ...kept, "/tcp": [{ HostPort: "1" }] } })["PortBindings"]).toEqual(kept);
  });
});

describe("what only a rebuilding tool loses", () => {
  test("H26: devices, init, annotations, groups, storage, users", () => {
    const given = {
      DeviceRequests: [
        { Driver: "cdi", Count: 0, DeviceIDs: ["vendor.com/device=a"], Capabilities: null, Options: null },
      ],
      Init: true,
      Annotations: { a: "b" },
      CgroupParent: "/x",
      GroupAdd: ["1"],
      StorageOpt: { size: "1G" },
      UsernsMode: "host",
    };
    expect(hostOf(given)).toMatchObject(given);
  });

  test("H23: what the daemon filled in goes back as it is", () => {
    for (const key of ["ShmSize", "IpcMode", "CgroupnsMode", "MemorySwap", "Runtime", "MaskedPaths", "LogConfig"]) {
      expect(copyOf(db).host[key], key).toEqual(db.hostConfig[key]);
    }
  });
});

describe("namespaces and volumes of a container that was replaced", () => {
  test.each(["NetworkMode", "PidMode", "IpcMode"])("H34: %s goes over to the successor", (key) => {
    expect(hostOf({ [key]: `container:${PARENT}` })[key]).toBe(`container:${NEXT}`);
    expect(hostOf({ [key]: `container:${"c".repeat(64)}` })[key]).toBe(`container:${"c".repeat(64)}`);
  });

  test("H20: VolumesFrom goes over, by id or short id, with its flags; a name stays", () => {
    const VolumesFrom = [`${PARENT}:ro`, PARENT.slice(0, 12), "db:rw", `${"c".repeat(64)}:ro`];
    expect(hostOf({ VolumesFrom })["VolumesFrom"]).toEqual([`${NEXT}:ro`, NEXT, "db:rw", `${"c".repeat(64)}:ro`]);
  });

  const label = ["user:system_u", "role:system_r", "type:container_t", "level:s0:c1,c2"].map((part) => `label=${part}`);

  test("H23: the label that the engine took from the parent is left to it", () => {
    expect(hostOf({ IpcMode: `container:${PARENT}`, SecurityOpt: label })["SecurityOpt"]).toBeNull();
  });

  test.each([
    ["somebody's own choice", ["label=disable"], PARENT],
    ["beside another option", [...label, "no-new-privileges"], PARENT],
    ["of a parent that stays", label, "c".repeat(64)],
  ])("H23: a label stays where it is %s", (_, SecurityOpt, parent) => {
    expect(hostOf({ PidMode: `container:${parent}`, SecurityOpt })["SecurityOpt"]).toEqual(SecurityOpt);
  });

  test("H35: what is refused beside another's network is not sent", () => {
    const given = { Links: ["a:b"], Dns: ["1.1.1.1"], DnsSearch: ["x"], ExtraHosts: ["a:1"], PublishAllPorts: true };
    const bindings = { PortBindings: { "80/tcp": [{ HostPort: "1" }] } };
    const { host } = copyOf(withHost(child, { ...given, ...bindings }), { replaced });
    for (const key of ["Links", "Dns", "DnsSearch", "ExtraHosts", "PortBindings"]) expect(host[key], key).toBeNull();
    expect(host["PublishAllPorts"]).toBe(false);
  });

  test("H35: no hostname beside the host's own", () => {
    const shown = withConfig(withHost(db, { UTSMode: "host" }), { Hostname: "server" });
    expect(copyOf(shown).body).not.toHaveProperty("Hostname");
  });
});

describe("sysctls of an interface", () => {
  const Sysctls = {
    "net.ipv4.conf.eth0.log_martians": "1",
    "net.ipv6.conf.eth0.accept_ra": "2",
    "net.core.somaxconn": "9",
  };
  const KEY = "com.docker.network.endpoint.sysctls";

  test("H25: stay where they are before API 1.48", () => {
    const { host, endpoints } = copyOf(withHost(db, { Sysctls }), { apiVersion: "1.47" });
    expect(host["Sysctls"]).toEqual(Sysctls);
    expect(endpoints?.["stack_back"]).not.toHaveProperty("DriverOpts");
  });

  test("H25: belong to the first network's endpoint from then on", () => {
    const one = withEndpoint(withHost(db, { Sysctls }), "stack_back", { DriverOpts: { a: "b" } });
    const { host, endpoints } = copyOf(one, { apiVersion: "1.48" });
    expect(host["Sysctls"]).toEqual({ "net.core.somaxconn": "9" });
    expect(endpoints?.["stack_back"]?.["DriverOpts"]).toEqual({
      a: "b",
      [KEY]: "net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.accept_ra=2",
    });
    expect(endpoints?.["stack_front"]).not.toHaveProperty("DriverOpts");
  });

  test("H25: of a second interface are refused there: nobody knows its network", () => {
    const one = withHost(db, { Sysctls: { "net.ipv4.conf.eth1.log_martians": "1" } });
    expect(() => copyOf(one, { apiVersion: "1.48" })).toThrow(
      "no longer takes its sysctl net.ipv4.conf.eth1.log_martians",
    );
    expect(copyOf(one, { apiVersion: "1.47" }).host["Sysctls"]).toEqual(one.hostConfig["Sysctls"]);
  });
});

test("H32: a network that is named by its id is named by its name", () => {
  const id = db.networks["stack_front"]?.["NetworkID"];
  expect(hostOf({ NetworkMode: id })["NetworkMode"]).toBe("stack_front");
});

describe("recorded, since no machine of ours can run it", () => {
  test("H26: a request for GPUs goes out as it came", () => {
    const gpu = recorded("gpu");
    const Capabilities = [["compute", "utility", "gpu"]];
    expect(gpu.hostConfig["DeviceRequests"]).toMatchObject([{ Count: -1, Capabilities }]);
    expect(copyOf(gpu).host["DeviceRequests"]).toEqual(gpu.hostConfig["DeviceRequests"]);
  });

  test("H23: SELinux labels that came from a parent are left to the engine once it is another one", () => {
    const selinux = recorded("selinux");
    const parent = String(selinux.hostConfig["IpcMode"]).slice("container:".length);
    expect(selinux.hostConfig["SecurityOpt"]).toContain("label=level:s0:c1,c2");
    expect(copyOf(selinux).host["SecurityOpt"]).toEqual(selinux.hostConfig["SecurityOpt"]);
    const moved = copyOf(selinux, { replaced: new Map([[parent, NEXT]]) }).host;
    expect(moved).toMatchObject({ SecurityOpt: null, IpcMode: `container:${NEXT}` });
  });
});
