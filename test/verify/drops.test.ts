import { expect, test } from "vitest";
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
  audit: { generation: "..gen-0123456789abcdef", strangers: [], wrong: [] },
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
  const audit = { generation: null, strangers: ["left"], wrong: ["KEY has mode 0644: everyone can read it"] };
  const found = findings([SIDECAR], [], { audit, definition: { Driver: "nfs" } });
  expect(found.map(({ place }) => place)).toEqual(["", "names", "modes"]);
});
