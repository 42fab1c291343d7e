import { describe, expect, test } from "vitest";
import type { Json } from "../../src/docker/port.ts";
import { isBefore, reachOf, surroundingFindings, type Surroundings } from "../../src/verify/surroundings.ts";

const ROOT = "/var/lib/docker";
const CORE = { Name: "core", Hard: 1, Soft: 1 };

interface Made {
  readonly host?: Json;
  readonly binds?: readonly string[];
  readonly env?: readonly string[];
  readonly running?: boolean;
}

function container(service: string, { host, binds = [], env = [], running = true }: Made = {}): Json {
  return {
    Id: `id-${service}`,
    Name: `/stack-${service}-1`,
    State: { Running: running },
    Config: { Labels: { "com.docker.compose.service": service }, Env: env },
    HostConfig: { Ulimits: [CORE], ...host },
    Mounts: binds.map((Source) => ({ Type: "bind", Source, Destination: "/x", RW: false })),
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
    ["SYS_PTRACE", { host: { CapAdd: ["CAP_SYS_PTRACE"] } }],
  ])("has %s: to be mended in the project, a warning beside it", (_, made) => {
    const one = container("other", made);
    expect(reachOf(one, ROOT)).toHaveLength(1);
    const ours = [container("secrets", { host: CONFINED }), one];
    expect(findings({ ours })).toMatchObject([{ rule: "reach", severity: "misconfigured" }]);
    expect(findings({ others: [one] })).toMatchObject([{ rule: "reach", severity: "warning" }]);
  });

  test("is none with directories of its own", () => {
    expect(reachOf(container("bot1", { binds: ["/srv/bot", "/etc/localtime", "/run/user/1000/bot"] }), ROOT)).toEqual(
      [],
    );
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
