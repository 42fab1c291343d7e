import { describe, expect, test } from "vitest";
import { onHost } from "../../src/deliver/audit.ts";
import type { Json } from "../../src/docker/port.ts";
import { dropFindings, type DropView } from "../../src/verify/drops.ts";

const VOLUME = "stack_bot1-secrets";

function container(service: string, host: Json, RW = false): Json {
  return {
    Id: `id-${service}`,
    Name: `/stack-${service}-1`,
    Config: { Labels: { "com.docker.compose.service": service } },
    HostConfig: host,
    Mounts: [mountAt("/run/secrets", RW)],
  };
}

const mountAt = (Destination: string, RW: boolean): Json => ({ Type: "volume", Name: VOLUME, Destination, RW });

const SIDECAR = container("secrets", {}, true);
const GOOD = container("bot1", { Binds: [`${VOLUME}:/run/secrets:ro,nocopy`] });
const drop: DropView = {
  volume: VOLUME,
  fault: null,
  definition: { Driver: "local" },
  audit: { generation: "..gen-0123456789abcdef", strangers: [], wrong: [], root: { uid: 0, gid: 0, flags: [] } },
  consumers: new Set(["bot1"]),
};

const findings = (ours: readonly Json[], others: readonly Json[] = [], view: Partial<DropView> = {}) =>
  dropFindings({ ...drop, ...view }, { ours, others, sidecar: { id: "id-secrets", service: "secrets" } });

test("the sidecar writing and the consumer reading, without copy-up, is all as it should be", () => {
  const long = {
    Mounts: [{ Type: "volume", Source: VOLUME, Target: "/run/secrets", VolumeOptions: { NoCopy: true } }],
  };
  expect(findings([SIDECAR, GOOD])).toEqual([]);
  expect(findings([SIDECAR, container("bot1", long)])).toEqual([]);
});

test.each<[string, Json, RegExp]>([
  ["a mount that can be written", container("bot1", { Binds: [`${VOLUME}:/run/secrets:nocopy`] }, true), /writable/],
  [
    "a mount that an image is copied over",
    container("bot1", { Binds: [`${VOLUME}:/run/secrets:ro`] }),
    /without nocopy/,
  ],
  ["a service that asks for nothing", container("other", { Binds: [`${VOLUME}:/x:ro,nocopy`] }), /is no consumer/],
])("%s is to be mended, by the line to paste", (_, one, message) => {
  const [only, ...more] = findings([SIDECAR, one]);
  expect(more).toEqual([]);
  expect(only).toMatchObject({ rule: "drop", severity: "misconfigured", subject: VOLUME });
  expect(only?.message).toMatch(message);
  expect(only?.hint).toBeDefined();
});

test("a second mount of the drop in one container is judged as the first is", () => {
  const host = { Binds: [`${VOLUME}:/run/secrets:ro,nocopy`, `${VOLUME}:/rw`] };
  const twice = { ...container("bot1", host), Mounts: [mountAt("/run/secrets", false), mountAt("/rw", true)] };
  const messages = findings([SIDECAR, twice]).map(({ message }) => message);
  expect(messages).toEqual([
    expect.stringMatching(/writable at \/rw$/),
    expect.stringMatching(/at \/rw without nocopy/),
  ]);
});

test("another project's container on the drop is a stranger, whatever its service is called", () => {
  expect(findings([SIDECAR, GOOD], [{ ...GOOD }])).toMatchObject([{ rule: "drop", place: "stack-bot1-1" }]);
});

test("names that nobody accounts for, wrong modes and a foreign driver are said", () => {
  const root = { uid: 0, gid: 0, flags: [] };
  const audit = { generation: null, strangers: ["left"], wrong: ["KEY has mode 0644: everyone can read it"], root };
  const found = findings([SIDECAR], [], { audit, definition: { Driver: "nfs" } });
  expect(found.map(({ place }) => place)).toEqual(["", "names", "modes"]);
});

describe("the mount of a drop", () => {
  const ADVISED = ["noexec", "nosuid", "nodev"];
  const root = { uid: 0, gid: 1000, flags: ["rw", ...ADVISED, "relatime"] };
  const tmpfs = (o: string, type = "tmpfs"): Json => ({ Driver: "local", Options: { type, device: type, o } });
  const good = tmpfs(`size=1m,mode=2750,gid=1000,${ADVISED.join(",")}`);

  function told(definition: Json, over: Partial<typeof root> = {}): string[] {
    const audit = { generation: null, strangers: [], wrong: [], root: { ...root, ...over } };
    return findings([SIDECAR, GOOD], [], { definition, audit }).map(({ severity, place }) => `${severity} ${place}`);
  }

  test("that is as it is defined, with all that is advised, gives nothing to say", () => {
    expect(told(good)).toEqual([]);
  });

  test.each<[string, string[], Json, Partial<typeof root>?]>([
    ["a directory of another owner", ["misconfigured uid"], good, { uid: 1000 }],
    ["a directory of another group", ["misconfigured gid"], good, { gid: 0 }],
    ["a group that the definition does not have", ["misconfigured gid"], tmpfs(ADVISED.join(",")), {}],
    ["a flag that was lost", ["misconfigured flags"], good, { flags: ["rw", "nosuid", "nodev"] }],
    ["a flag that nobody has asked for", ["warning flags"], tmpfs("gid=1000,nodev"), { flags: ["rw", "nodev"] }],
    ["ramfs, which knows no owner, without a flag", ["warning flags"], tmpfs("mode=750", "ramfs"), { flags: ["rw"] }],
  ])("is judged: %s", (_, expected, definition, over) => {
    expect(told(definition, over)).toEqual(expected);
  });

  test("of a memory-backed directory is that directory's own", () => {
    expect(
      told({ Driver: "local", Options: { type: "none", o: "bind", device: "/dev/shm/x" } }, { flags: [] }),
    ).toEqual([]);
  });
});

test.each([
  ["0 0 4294967295\n", 1000, 1000],
  ["0 100000 65536\n", 1000, 101_000],
  ["         0       1000          1\n         1     100000      65536\n", 0, 1000],
  ["         0       1000          1\n         1     100000      65536\n", 1000, 100_999],
  ["0 100000 65536\n", 65_534, 165_534],
  ["0 1000 1\n", 5, 5],
])("an id in a user namespace is that of the host: map %j, id %i", (map, id, outside) => {
  expect(onHost(map, id)).toBe(outside);
});
