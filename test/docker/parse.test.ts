import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { parseEvent, readEvents } from "../../src/docker/events.ts";
import { healthcheckOf } from "../../src/docker/health.ts";
import { parseImage, parseInspect, parseList } from "../../src/docker/inspect.ts";
import type { ContainerEvent } from "../../src/docker/port.ts";
import { type Recorded, raw, recorded } from "../roll/inspects.ts";

const ALL: readonly Recorded[] = ["db", "child", "plain", "bridge"];

describe("inspect", () => {
  test.each(ALL)("%s, as the engine recorded it", (name) => {
    const { id, config, hostConfig } = recorded(name);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    // What nobody decides by passes through whole.
    expect(config).toEqual(raw(name)["Config"]);
    expect(hostConfig).toEqual(raw(name)["HostConfig"]);
  });

  test("what decisions need", () => {
    expect(recorded("db")).toMatchObject({
      name: "stack-db-1",
      state: "running",
      startedAt: "2026-11-22T12:06:30.287139398Z",
      exitCode: 0,
      restartCount: 0,
      health: { status: "starting", failingStreak: 0, checks: [] },
      restartPolicy: "on-failure",
      environment: ["UNSET", "MODE=x", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    });
    expect(Object.keys(recorded("db").networks)).toEqual(["stack_back", "stack_front"]);
    expect(recorded("db").mounts[1]).toEqual({
      type: "volume",
      name: "stack_secrets",
      source: "/var/lib/docker/volumes/stack_secrets/_data",
      destination: "/run/secrets",
      writable: false,
    });
    expect(recorded("child")).toMatchObject({ health: null, restartPolicy: "", networks: {} });
  });

  test("never started has no start", () => {
    const answer = raw("plain");
    const State = { Status: "created", StartedAt: "0001-01-01T00:00:00Z", ExitCode: 0 };
    expect(parseInspect({ ...answer, State }).startedAt).toBeNull();
  });

  test("nulls where newer and older engines differ", () => {
    const answer = { ...raw("plain"), Mounts: null, NetworkSettings: { Networks: null } };
    const Config = { ...(answer as { Config?: object }).Config, Labels: null, Env: null };
    expect(parseInspect({ ...answer, Config })).toMatchObject({
      labels: {},
      environment: [],
      mounts: [],
      networks: {},
    });
  });

  test.each(["none", "", "something new"])("a health of %j is none", (Status) => {
    const State = { Status: "running", StartedAt: "2026-01-01T00:00:00Z", ExitCode: 0, Health: { Status } };
    expect(parseInspect({ ...raw("plain"), State }).health).toBeNull();
  });

  test("healthchecks", () => {
    expect(healthcheckOf(recorded("db"))).toMatchObject({ Retries: 4 });
    expect(healthcheckOf(recorded("plain"))).toBeNull();
    expect(healthcheckOf({ config: { Healthcheck: { Test: ["NONE"] } } })).toBeNull();
  });
});

test("a list has volumes, not binds", () => {
  const Mounts = [
    { Type: "bind", Source: "/srv", Destination: "/srv", RW: true },
    { Type: "volume", Name: "stack_secrets", Source: "/x", Destination: "/run/secrets", RW: false },
  ];
  expect(parseList([{ Id: "a", State: "exited", Labels: null, Mounts }])).toEqual([
    { id: "a", state: "exited", labels: {}, mounts: [{ volume: "stack_secrets", writable: false }] },
  ]);
});

test("images with and without an entrypoint", () => {
  const platform = { os: "linux", architecture: "arm64", variant: "v8" };
  const whole = { Id: "i", Os: "linux", Architecture: "arm64", Variant: "v8", Config: { Entrypoint: ["/init"] } };
  expect(parseImage(whole)).toEqual({ id: "i", entrypoint: ["/init"], platform });
  const unknown = { os: "", architecture: "", variant: "" };
  expect(parseImage({ Id: "i", Config: null })).toEqual({ id: "i", entrypoint: null, platform: unknown });
});

describe("events", () => {
  const line = JSON.stringify({
    status: "kill",
    Type: "container",
    Action: "kill",
    Actor: { ID: "a", Attributes: { signal: "15", name: "stack-db-1" } },
  });

  test("action, container, and attributes, the signal among them", () => {
    expect(parseEvent(line)).toEqual({
      action: "kill",
      container: "a",
      labels: { signal: "15", name: "stack-db-1" },
    });
  });

  test.each([
    "",
    "{",
    "null",
    "[]",
    '{"Type":"network","Action":"connect","Actor":{"ID":"n"}}',
    '{"Type":"container"}',
  ])("%j is none of ours", (text) => {
    expect(parseEvent(text)).toBeNull();
  });

  test("lines arrive in any pieces, umlauts cut in two included", async () => {
    const bytes = Buffer.from(`${line.replace("stack", "stäck")}\n\n${line}\n${line}`);
    const pieces = Array.from({ length: bytes.length }, (_, index) => bytes.subarray(index, index + 1));
    const seen: ContainerEvent[] = [];
    for await (const event of readEvents(Readable.from(pieces, { objectMode: false }), new AbortController().signal)) {
      seen.push(event);
    }
    // The third has no end of line: it is not there yet.
    expect(seen.map((event) => event.labels["name"])).toEqual(["stäck-db-1", "stack-db-1"]);
  });

  test("an aborted stream ends, a broken one throws", async () => {
    const stop = new AbortController();
    const broken = (): Readable =>
      new Readable({
        read() {
          this.destroy(new Error("connection reset"));
        },
      });
    await expect(readEvents(broken(), stop.signal)[Symbol.asyncIterator]().next()).rejects.toThrow("reset");
    stop.abort();
    expect(await readEvents(broken(), stop.signal)[Symbol.asyncIterator]().next()).toMatchObject({ done: true });
  });
});
