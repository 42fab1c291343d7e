import { describe, expect, test } from "vitest";
import type { Json } from "../../src/docker/port.ts";
import { type Host, reachOf } from "../../src/verify/reach.ts";
import { isBefore, surroundingFindings, type Surroundings } from "../../src/verify/surroundings.ts";

const ROOT = "/var/lib/docker";
const CORE = { Name: "core", Hard: 1, Soft: 1 };

interface Made {
  readonly host?: Json;
  readonly binds?: readonly string[];
  readonly env?: readonly string[];
  readonly volumes?: readonly string[];
  readonly running?: boolean;
}

const HOST: Host = { dockerRoot: ROOT, engineSockets: [], volumes: new Map(), seen: new Map() };
/** By its name; `docker volume inspect`. */
const volumes = (all: Readonly<Record<string, Json>>): Host["volumes"] =>
  new Map(Object.entries(all).map(([Name, Options]) => [Name, { Name, Options }]));

function container(
  service: string,
  { host, binds = [], volumes: named = [], env = [], running = true }: Made = {},
): Json {
  return {
    Id: `id-${service}`,
    Name: `/stack-${service}-1`,
    State: { Running: running },
    Config: { Labels: { "com.docker.compose.service": service }, Env: env },
    HostConfig: { Ulimits: [CORE], ...host },
    Mounts: [
      ...binds.map((Source) => ({ Type: "bind", Source, Destination: "/x", RW: false })),
      ...named.map((Name) => ({ Type: "volume", Name, Source: `${ROOT}/volumes/${Name}/_data`, Destination: "/y" })),
    ],
  };
}

const CONFINED = {
  ReadonlyRootfs: true,
  CapDrop: ["ALL"],
  SecurityOpt: ["no-new-privileges:true"],
  NetworkMode: "none",
};
const own = { status: "CapEff:\t0000000000000000\n", corePattern: "core" };

function findings(more: Partial<Surroundings>) {
  return surroundingFindings({
    info: { DockerRootDir: ROOT },
    version: { Version: "26.1.5" },
    ours: [container("secrets", { host: CONFINED, binds: ["/var/run/docker.sock"] }), container("bot1")],
    others: [],
    sidecar: "id-secrets",
    consumers: new Set(["bot1"]),
    own,
    volumes: new Map(),
    sockets: { sources: [], seen: new Map() },
    ...more,
  });
}

test("a confined sidecar beside a plain consumer gives nothing to say", () => {
  expect(findings({})).toEqual([]);
});

describe("a container that reads every drop", () => {
  test.each<[string, Made]>([
    ["the engine's socket", { binds: ["/run/docker.sock"] }],
    ["the engine's own directory", { binds: [`${ROOT}/volumes`] }],
    ["the host's root", { binds: ["/"] }],
    ["all of /run", { binds: ["/run"] }],
    ["pid: host", { host: { PidMode: "host" } }],
    ["privileged", { host: { Privileged: true } }],
    ["what the engine keeps while it runs", { binds: ["/run/docker/containerd"] }],
    ["containerd's directory", { binds: ["/var/run/containerd/"] }],
    ["SYS_PTRACE", { host: { CapAdd: ["CAP_SYS_PTRACE"] } }],
  ])("has %s: to be mended in the project, a warning beside it", (_, made) => {
    const one = container("other", made);
    expect(reachOf(one, HOST)).toHaveLength(1);
    const ours = [container("secrets", { host: CONFINED }), one];
    expect(findings({ ours })).toMatchObject([{ rule: "reach", severity: "misconfigured" }]);
    expect(findings({ others: [one] })).toMatchObject([{ rule: "reach", severity: "warning" }]);
  });

  test("is none with directories of its own", () => {
    expect(reachOf(container("bot1", { binds: ["/srv/bot", "/etc/localtime", "/run/user/1000/bot"] }), HOST)).toEqual(
      [],
    );
  });
});

describe("the engine under another name", () => {
  const bind = { type: "none", o: "bind,ro", device: "/var/run" };

  test.each<[string, Json, string]>([
    ["a bind of /var/run", bind, "mounts /var/run of the host"],
    ["a bind of the socket itself", { ...bind, device: "/run//docker.sock" }, "has the engine's socket"],
    ["an overlay over the host's root", { type: "overlay", o: "lowerdir=/:/srv" }, "mounts / of the host"],
    ["the host's /proc", { type: "proc", device: "proc" }, "mounts /proc of the host"],
  ])("is seen in the options of a volume: %s", (_, Options, way) => {
    const one = container("other", { volumes: ["stack_x"] });
    expect(reachOf(one, { ...HOST, volumes: volumes({ stack_x: Options }) })).toEqual([way]);
    const found = findings({ others: [one], volumes: volumes({ stack_x: Options }) });
    expect(found).toMatchObject([{ rule: "reach", severity: "warning" }]);
  });

  test.each<[string, Json]>([
    ["a drop", { type: "tmpfs", device: "tmpfs", o: "size=1m" }],
    ["a directory of its own", { ...bind, device: "/srv/bot" }],
    ["a disk of the network's", { type: "nfs", device: ":/run", o: "addr=10.0.0.1" }],
  ])("is none in %s", (_, Options) => {
    const one = container("bot1", { volumes: ["stack_x"] });
    expect(reachOf(one, { ...HOST, volumes: volumes({ stack_x: Options }) })).toEqual([]);
  });

  test("is the sidecar's own socket, whatever it is called, and every directory above it", () => {
    const host = { ...HOST, engineSockets: ["/run/user/1000/engine.socket"] };
    const ways = (source: string): string[] => reachOf(container("other", { binds: [source] }), host);
    expect(ways("/run/user/1000/engine.socket")).toEqual(["has the engine's socket"]);
    expect(ways("/run/user/1000")).toEqual(["mounts /run/user/1000 of the host"]);
    expect(ways("/run/user/1000/bot")).toEqual([]);
  });

  test("is what a look at the mounts has found", () => {
    const one = container("other", { binds: ["/tmp/x.sock"] });
    const seen = new Map([["id-other", ["/x"]]]);
    expect(reachOf(one, { ...HOST, seen })).toEqual(["has the engine's socket, at /x"]);
    expect(findings({ others: [one], sockets: { sources: [], seen } })).toMatchObject([{ rule: "reach" }]);
  });
});

test.each<[string, Json]>([
  ["a writable root", { ReadonlyRootfs: false }],
  ["a network", { NetworkMode: "bridge" }],
  ["privileges to gain", { SecurityOpt: [] }],
])("a sidecar with %s is less confined than it could be", (_, host) => {
  const ours = [container("secrets", { host: { ...CONFINED, ...host } })];
  expect(findings({ ours })).toMatchObject([{ rule: "sidecar", severity: "misconfigured" }]);
});

test("a sidecar with capabilities is told by its own process, whatever the definition says", () => {
  const status = "CapEff:\t00000000a80425fb\n";
  expect(findings({ own: { ...own, status } })).toMatchObject([{ rule: "sidecar" }]);
});

test("SOPS_AGE_KEY in an environment is a leak, and is not repeated", () => {
  const key = "AGE-SECRET-KEY-1EXAMPLE";
  const ours = [container("secrets", { host: CONFINED, env: [`SOPS_AGE_KEY=${key}`] })];
  const found = findings({ ours });
  expect(found).toMatchObject([{ rule: "key-in-sight", severity: "leak" }]);
  expect(JSON.stringify(found)).not.toContain(key);
});

test("core dumps: a pipe takes them at every limit but 1", () => {
  const core = (hard: number): Json => container("bot1", { host: { Ulimits: [{ Name: "core", Hard: hard }] } });
  const about = (ours: Json[], corePattern: string) => findings({ ours, own: { ...own, corePattern } });
  expect(about([core(0)], "|/usr/share/apport")).toMatchObject([{ rule: "host", severity: "warning" }]);
  expect(about([core(1)], "|/usr/share/apport")).toEqual([]);
  expect(about([core(0)], "core")).toEqual([]);
  expect(about([container("bot1", { host: { Ulimits: null } })], "core")).toHaveLength(1);
});

describe("engines", () => {
  test("with live-restore that split a drop are warned of, up to the release that mended it", () => {
    const about = (Version: string) => findings({ info: { LiveRestoreEnabled: true }, version: { Version } });
    expect(about("20.10.24+dfsg1")).toMatchObject([{ rule: "engine", severity: "warning" }]);
    expect(about("24.0.5")).toHaveLength(1);
    for (const good of ["23.0.7", "24.0.6", "26.1.5"]) expect(about(good)).toEqual([]);
  });

  test("in debug mode, or with authorization plugins that can be passed, are warned of", () => {
    expect(findings({ info: { Debug: true } })).toMatchObject([{ rule: "engine" }]);
    expect(findings({ info: { Plugins: { Authorization: ["opa"] } } })).toMatchObject([{ rule: "engine" }]);
  });

  test.each([
    ["20.10.24+dfsg1", true],
    ["23.0.6", true],
    ["23.0.7", false],
    ["23.1.0", false],
    ["master", false],
  ])("%s is before 23.0.7: %s", (version, is) => {
    expect(isBefore(version, [23, 0, 7])).toBe(is);
  });
});
