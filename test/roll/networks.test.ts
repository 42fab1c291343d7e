import { describe, expect, test } from "vitest";
import { aliasesOf, endpointsOf } from "../../src/roll/networks.ts";
import { copyOf, recorded, withConfig, withEndpoint, withHost } from "./inspects.ts";

const db = recorded("db");
const bridge = recorded("bridge");
const BACK = "stack_back";
const FRONT = "stack_front";

describe("aliases", () => {
  test("H2: the old short id goes, everything else stays", () => {
    const { endpoints, connect } = endpointsOf(db, "1.41");
    expect(endpoints?.[BACK]).toMatchObject({ Aliases: ["stack-db-1", "db", "database"] });
    expect(connect[0]?.endpoint).toMatchObject({ Aliases: ["stack-db-1", "db"] });
  });

  test("H3: a service named db keeps its name in a container whose id begins with db", () => {
    const id = `db${"0".repeat(62)}`;
    expect(aliasesOf({ Aliases: ["db", "d", "db0", id.slice(0, 12), id] }, id)).toEqual(["db", "d", "db0", id]);
  });

  test("from API 1.45 on inspect shows what was submitted: kept as it is", () => {
    const modern = withEndpoint(db, BACK, {
      Aliases: ["stack-db-1", "db", "database"],
      DNSNames: ["stack-db-1", "db", "database", db.id.slice(0, 12)],
    });
    const endpoint = endpointsOf(modern, "1.45").endpoints?.[BACK];
    expect(endpoint).toMatchObject({ Aliases: ["stack-db-1", "db", "database"] });
    expect(endpoint).not.toHaveProperty("DNSNames");
  });

  test.each(["bridge", "default", "host", "none"])("H4: none on the predefined network %s", (network) => {
    const one = {
      ...withHost(bridge, { NetworkMode: network }),
      networks: { bridge: { Aliases: ["db"], IPAMConfig: {} } },
    };
    const { endpoints } = endpointsOf(one, "1.41");
    expect(endpoints?.["bridge"] ?? {}).toEqual({});
  });

  test("duplicates are sent once", () => {
    expect(aliasesOf({ Aliases: ["db", "db"] }, db.id)).toEqual(["db"]);
    expect(aliasesOf({ Aliases: null }, db.id)).toEqual([]);
  });
});

describe("endpoints", () => {
  test("H28: before API 1.44 the primary alone is created, the others are connected", () => {
    const { endpoints, connect } = endpointsOf(db, "1.43");
    expect(Object.keys(endpoints ?? {})).toEqual([BACK]);
    expect(connect.map((one) => one.network)).toEqual([FRONT]);
  });

  test("H28: from API 1.44 on all are created at once", () => {
    const { endpoints, connect } = endpointsOf(db, "1.44");
    expect(Object.keys(endpoints ?? {})).toEqual([BACK, FRONT]);
    expect(connect).toEqual([]);
  });

  test("H28: the primary is NetworkMode's, not the first", () => {
    const reversed = { ...db, networks: Object.fromEntries(Object.entries(db.networks).toReversed()) };
    expect(Object.keys(endpointsOf(reversed, "1.41").endpoints ?? {})).toEqual([BACK]);
  });

  test("H28: NetworkMode may hold the network's id", () => {
    const byId = withHost(db, { NetworkMode: db.networks[FRONT]?.["NetworkID"] });
    expect(Object.keys(endpointsOf(byId, "1.41").endpoints ?? {})).toEqual([FRONT]);
  });

  test("H28: NetworkMode default is the network bridge", () => {
    expect(endpointsOf(bridge, "1.41")).toEqual({ endpoints: { bridge: {} }, connect: [] });
  });

  test("H29: static addresses are copied, assigned ones are not", () => {
    const { endpoints, connect } = endpointsOf(db, "1.41");
    expect(endpoints?.[BACK]).toEqual({
      IPAMConfig: { IPv4Address: "172.29.77.10" },
      Aliases: ["stack-db-1", "db", "database"],
    });
    expect(connect[0]?.endpoint).toEqual({ Aliases: ["stack-db-1", "db"] });
  });

  test("H32: keyed by name, without the ids of a network that may be another by now", () => {
    const sent = JSON.stringify(endpointsOf(db, "1.51"));
    for (const { NetworkID, EndpointID, Gateway } of Object.values(db.networks)) {
      for (const assigned of [NetworkID, EndpointID, Gateway]) expect(sent).not.toContain(JSON.stringify(assigned));
    }
  });

  test("H31: driver options and links are copied", () => {
    const changes = { DriverOpts: { "com.docker.network.endpoint.ifname": "eth7" }, Links: ["cache:c"] };
    expect(endpointsOf(withEndpoint(db, BACK, changes), "1.41").endpoints?.[BACK]).toMatchObject(changes);
  });

  test.each([
    ["1.47", undefined],
    ["1.48", 5],
  ])("H31: the gateway's priority on API %s", (version, sent) => {
    const one = withEndpoint(db, BACK, { GwPriority: 5 });
    expect((endpointsOf(one, version).endpoints?.[BACK] as Record<string, unknown>)["GwPriority"]).toBe(sent);
  });
});

describe("H30: addresses of interfaces", () => {
  const MacAddress = "02:42:de:ad:be:ef";
  const chosen = withConfig(db, { MacAddress });

  test.each(["1.41", "1.43", "1.44", "1.51"])("one that the engine made is not forwarded (API %s)", (version) => {
    const { body, endpoints, connect } = copyOf(db, { apiVersion: version });
    expect(JSON.stringify([body, endpoints, connect])).not.toContain("02:42:");
  });

  test("a chosen one goes into Config before API 1.44", () => {
    const { body, endpoints } = copyOf(chosen, { apiVersion: "1.43" });
    expect(body["MacAddress"]).toBe(MacAddress);
    expect(endpoints?.[BACK]).not.toHaveProperty("MacAddress");
  });

  test.each(["1.44", "1.51"])("a chosen one goes to the primary endpoint alone on API %s", (version) => {
    const { body, endpoints } = copyOf(chosen, { apiVersion: version });
    expect(body).not.toHaveProperty("MacAddress");
    expect(endpoints?.[BACK]).toMatchObject({ MacAddress });
    expect(endpoints?.[FRONT]).not.toHaveProperty("MacAddress");
  });
});

test.each(["host", "none", `container:${"a".repeat(64)}`])("H35: no endpoints in network mode %s", (mode) => {
  expect(endpointsOf(withHost(db, { NetworkMode: mode }), "1.44")).toEqual({ endpoints: null, connect: [] });
});
