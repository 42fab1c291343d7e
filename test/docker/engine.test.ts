import { execFile } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { EngineRefusal } from "../../src/docker/dial.ts";
import { connectEngine, negotiate } from "../../src/docker/engine.ts";
import { connected, ID, PATIENCE, thrownBy } from "./connected.ts";
import { serve, socketPath } from "./server.ts";

describe("the API version (H49)", () => {
  test.each([
    ["1.41", "1.41"],
    ["1.43", "1.43"],
    ["1.51", "1.51"],
    ["1.52", "1.51"],
    ["1.100", "1.51"],
  ])("an engine with %s is spoken to in %s", async (theirs, spoken) => {
    expect(negotiate(theirs)).toBe(spoken);
    const { docker, asked } = await connected({ "GET /containers/json": { status: 200, body: [] } }, theirs);
    expect(docker.apiVersion).toBe(spoken);
    await docker.list();
    expect(asked.map((one) => one.path)).toEqual([`/v${spoken}/containers/json`]);
  });

  test.each(["1.40", "1.24", "2.0", "", "1.x", "1.41-rc"])("%j is refused", (theirs) => {
    expect(() => negotiate(theirs)).toThrow(expect.objectContaining({ code: "docker-too-old" }) as Error);
  });
});

describe("create", () => {
  const spec = {
    body: { Image: "example", Env: ["KEY=hunter2"], HostConfig: { Memory: 1 } },
    connect: [{ network: "stack_front", endpoint: { Aliases: ["bot"] } }],
  };

  test("sends the name in the query, the spec in the body, and connects the other networks", async () => {
    const { docker, asked } = await connected({
      "POST /containers/create": { status: 201, body: { Id: ID, Warnings: [] } },
      "POST /networks/stack_front/connect": { status: 200 },
    });
    expect(await docker.create("012345678901_stack-bot-1", spec)).toBe(ID);
    expect(asked).toEqual([
      {
        method: "POST",
        path: "/v1.41/containers/create",
        query: { name: "012345678901_stack-bot-1" },
        body: spec.body,
      },
      {
        method: "POST",
        path: "/v1.41/networks/stack_front/connect",
        query: {},
        body: { Container: ID, EndpointConfig: { Aliases: ["bot"] } },
      },
    ]);
  });

  test("a candidate that cannot be connected does not stay (H5)", async () => {
    const { docker, asked } = await connected({
      "POST /containers/create": { status: 201, body: { Id: ID } },
      "POST /networks/stack_front/connect": { status: 403, body: { message: "denied by the proxy" } },
      [`DELETE /containers/${ID}`]: { status: 204 },
    });
    expect((await thrownBy(docker.create("name", spec))).code).toBe("docker-forbidden");
    expect(asked.at(-1)).toMatchObject({ method: "DELETE", query: { v: "0", force: "0" } });
  });

  test("says why, and nothing of the spec", async () => {
    const { docker } = await connected({ "POST /containers/create": { status: 400, body: { message: "no" } } });
    const thrown = await thrownBy(docker.create("name", spec));
    expect(thrown).toMatchObject({ code: "docker-refused", status: 400 });
    expect([thrown.message, thrown.stack].join("\n")).not.toContain("hunter2");
  });
});

describe("what is asked of the engine", () => {
  test("stop, restart and start name neither a timeout nor a signal (H15)", async () => {
    const { docker, asked } = await connected({
      [`POST /containers/${ID}/stop`]: { status: 204 },
      [`POST /containers/${ID}/restart`]: { status: 204 },
      [`POST /containers/${ID}/start`]: { status: 204 },
    });
    await docker.stop(ID);
    await docker.restart(ID);
    await docker.start(ID);
    expect(asked.filter(({ method }) => method === "POST").map(({ query }) => query)).toEqual([{}, {}, {}]);
    expect(JSON.stringify(asked)).not.toMatch(/"(t|signal|timeout)"/i);
  });

  test("the rest, by method, path, query and body", async () => {
    const { docker, asked } = await connected({
      [`POST /containers/${ID}/kill`]: { status: 204 },
      [`POST /containers/${ID}/rename`]: { status: 204 },
      [`POST /containers/${ID}/update`]: { status: 200, body: { Warnings: null } },
      [`DELETE /containers/${ID}`]: { status: 204 },
      [`GET /containers/${ID}/changes`]: {
        status: 200,
        body: [
          { Path: "/a", Kind: 1 },
          { Path: "/b", Kind: 0 },
        ],
      },
      "GET /volumes/stack_bot": { status: 200, body: { Options: { type: "tmpfs" } } },
    });
    await docker.kill(ID, "HUP");
    await docker.rename(ID, "stack-bot-1");
    await docker.setRestartPolicy(ID, { Name: "no" });
    await docker.remove(ID);
    expect(await docker.changes(ID)).toEqual([
      { path: "/a", kind: "added" },
      { path: "/b", kind: "modified" },
    ]);
    expect(await docker.volumeOptions("stack_bot")).toEqual({ type: "tmpfs" });
    expect(asked.slice(0, 4).map(({ query }) => query)).toEqual([
      { signal: "HUP" },
      { name: "stack-bot-1" },
      {},
      { v: "0", force: "0" },
    ]);
    expect(asked[2]?.body).toEqual({ RestartPolicy: { Name: "no" } });
  });

  test("H17: a file is looked at, read and written by archive, with the owners that stand in it", async () => {
    const stat = { name: "conf", size: 5, mode: 0o640, mtime: "2026-01-02T10:00:03Z", linkTarget: "" };
    const headers = { "x-docker-container-path-stat": Buffer.from(JSON.stringify(stat)).toString("base64") };
    const { docker, asked } = await connected({
      [`HEAD /containers/${ID}/archive`]: { status: 200, headers },
      [`GET /containers/${ID}/archive`]: { status: 200, headers, chunks: ["a ", "tar"] },
      [`PUT /containers/${ID}/archive`]: { status: 200 },
    });
    const seen = { isFile: true, isSocket: false, size: 5, mode: 0o640, modified: "2026-01-02T10:00:03Z" };
    expect(await docker.statPath(ID, "/etc/a conf")).toEqual(seen);
    const read = await docker.readArchive(ID, "/etc/a conf");
    expect(read?.stat).toEqual(seen);
    expect(Buffer.from(read!.tar).toString()).toBe("a tar");
    await docker.writeArchive(ID, Buffer.from("a tar"));
    expect(asked.map(({ query }) => query)).toEqual([{ path: "/etc/a conf" }, { path: "/etc/a conf" }, { path: "/" }]);
    expect(asked[2]?.body).toBe("a tar");
  });

  test.each([
    ["a directory", 0x80000000 + 0o755, false, 0o755],
    ["a link", 0x08000000 + 0o777, false, 0o777],
    ["a set-user-id file", 0x00800000 + 0o755, true, 0x00800000 + 0o755],
    // As the engine answers for its own.
    ["a socket", 16_777_648, false, 0o660],
  ])("%s is told by its mode", async (what, mode, isFile, permissions) => {
    const stat = Buffer.from(JSON.stringify({ name: "x", size: 1, mode, mtime: "2026-01-02T10:00:03Z" }));
    const headers = { "x-docker-container-path-stat": stat.toString("base64") };
    const { docker } = await connected({ [`HEAD /containers/${ID}/archive`]: { status: 200, headers } });
    expect(await docker.statPath(ID, "/x")).toMatchObject({ isFile, isSocket: what === "a socket", mode: permissions });
  });

  test("a container without any change is answered for by null", async () => {
    const { docker } = await connected({ [`GET /containers/${ID}/changes`]: { status: 200, chunks: ["null\n"] } });
    expect(await docker.changes(ID)).toEqual([]);
  });

  test("H12: a platform goes into the query, where there is one", async () => {
    const { docker, asked } = await connected({ "POST /containers/create": { status: 201, body: { Id: ID } } });
    const platform = { os: "linux", architecture: "arm64", variant: "v8" };
    await docker.create("a", { body: {}, connect: [], platform });
    await docker.create("b", { body: {}, connect: [] });
    expect(asked.map(({ query }) => query)).toEqual([{ name: "a", platform: "linux/arm64/v8" }, { name: "b" }]);
  });

  test.each([
    [0, false, 0],
    [7, false, 7],
    [null, true, -1],
  ])("exec answers with the exit code (%j, running: %j)", async (ExitCode, Running, code) => {
    const { docker, asked } = await connected({
      [`POST /containers/${ID}/exec`]: { status: 201, body: { Id: "e1" } },
      "POST /exec/e1/start": { status: 200, chunks: ["\x01\0\0\0\0\0\0\x02hi"] },
      "GET /exec/e1/json": { status: 200, body: { Running, ExitCode } },
    });
    expect(await docker.exec(ID, ["true"], 300)).toBe(code);
    expect(asked[0]?.body).toMatchObject({ Cmd: ["true"] });
  });
});

describe("answers", () => {
  test("404 is null where something is looked up, and no trouble where it is removed", async () => {
    const { docker } = await connected({});
    expect(await docker.inspect(ID)).toBeNull();
    expect(await docker.image("gone")).toBeNull();
    expect(await docker.volumeOptions("gone")).toBeNull();
    expect(await docker.changes(ID)).toEqual([]);
    expect(await docker.statPath(ID, "/gone")).toBeNull();
    expect(await docker.readArchive(ID, "/gone")).toBeNull();
    await docker.remove(ID);
  });

  test("404 is a refusal where something is done", async () => {
    const { docker } = await connected({});
    const calls = [
      () => docker.start(ID),
      () => docker.stop(ID),
      () => docker.restart(ID),
      () => docker.rename(ID, "x"),
    ];
    for (const call of calls) {
      expect(await thrownBy(call())).toMatchObject({ code: "docker-refused", status: 404 });
    }
  });

  test("304, stopped or started already, is fine", async () => {
    const { docker } = await connected({
      [`POST /containers/${ID}/stop`]: { status: 304 },
      [`POST /containers/${ID}/start`]: { status: 304 },
    });
    await docker.stop(ID);
    await docker.start(ID);
  });

  test.each([
    [401, "docker-forbidden"],
    [403, "docker-forbidden"],
    [400, "docker-refused"],
    [409, "docker-refused"],
    [500, "docker-refused"],
  ])("%i is %s, with the engine's reason and short ids", async (status, code) => {
    const reason = "x".repeat(5_000);
    const { docker } = await connected({ [`POST /containers/${ID}/start`]: { status, body: { message: reason } } });
    const thrown = await thrownBy(docker.start(ID));
    expect(thrown).toBeInstanceOf(EngineRefusal);
    expect(thrown).toMatchObject({ code, status });
    expect(thrown.message).toContain(`POST /containers/${ID.slice(0, 12)}/start: xxx`);
    expect(thrown.message).not.toContain(ID);
    expect(thrown.message.length).toBeLessThan(500);
  });

  test("an answer that is not understood is refused by field, never quoted", async () => {
    const body = { Id: ID, State: { Status: "dancing", Secret: "hunter2" } };
    const { docker } = await connected({ [`GET /containers/${ID}/json`]: { status: 200, body } });
    const thrown = await thrownBy(docker.inspect(ID));
    expect(thrown.code).toBe("docker-refused");
    expect(thrown.message).toMatch(/State\.Status|Name/);
    expect(thrown.message).not.toMatch(/hunter2|dancing/);
  });
});

describe("no engine", () => {
  test("ENOENT: no socket there, and the line to paste", async () => {
    const thrown = await thrownBy(connectEngine(socketPath(), PATIENCE));
    expect(thrown.code).toBe("docker-unreachable");
    expect(thrown.hint).toContain(":/var/run/docker.sock");
  });

  test("ECONNREFUSED: nobody answers", async () => {
    const path = socketPath();
    writeFileSync(path, "");
    expect(await thrownBy(connectEngine(path, PATIENCE))).toMatchObject({ code: "docker-unreachable" });
  });

  test("EACCES: not permitted, and both ways out of it", async () => {
    const { socket } = await serve({});
    chmodSync(socket, 0o700);
    chmodSync(dirname(socket), 0o755);
    // Permissions bind root to nothing: somebody else has to knock.
    const isRoot = process.getuid?.() === 0;
    if (!isRoot) chmodSync(socket, 0o000);
    const program = fileURLToPath(new URL("connect.program.ts", import.meta.url));
    const nobody = isRoot ? { uid: 65534, gid: 65534 } : {};
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", program, socket], nobody);
    expect(stdout).toBe("docker-forbidden");
  });

  test("a connection that breaks is unreachable", async () => {
    const { socket } = await serve({ "GET /containers/json": { status: 200, chunks: ["["] } });
    const other = await connectEngine(socket, PATIENCE);
    expect(["docker-unreachable", "docker-refused"]).toContain((await thrownBy(other.list())).code);
  });
});
