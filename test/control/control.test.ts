import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callControl, serveControl, type ControlHandlers, type ControlServer } from "../../src/control/index.ts";
import { SidecryptError } from "../../src/errors.ts";
import { buildStatus } from "../../src/report/status.ts";
import { quiet } from "../report/worlds.ts";
import { sidecrypt } from "../cli/harness.ts";

const TIMEOUT = 2_000;

describe("the control socket", () => {
  let dir: string;
  let path: string;
  const servers: ControlServer[] = [];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "sidecrypt-control-"));
    path = join(dir, "control.sock");
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
    await rm(dir, { recursive: true, force: true });
  });

  const handlers: ControlHandlers = {
    health: () => ({ ok: true, reasons: [] }),
    status: () => buildStatus(quiet()),
    plan: () => Promise.resolve({ text: "nothing to do", json: { units: [] } }),
    retry: (service) => Promise.resolve({ cleared: service === null ? ["bot1", "bot2"] : [service] }),
  };

  async function serve(changed: Partial<ControlHandlers> = {}): Promise<void> {
    servers.push(await serveControl({ path, handlers: { ...handlers, ...changed } }));
  }

  it("answers every call", async () => {
    await serve();
    expect(await callControl(path, "health", null, TIMEOUT)).toEqual({ ok: true, reasons: [] });
    expect((await callControl(path, "status", null, TIMEOUT)).consumers).toHaveLength(2);
    expect(await callControl(path, "plan", null, TIMEOUT)).toEqual({ text: "nothing to do", json: { units: [] } });
    expect(await callControl(path, "retry", null, TIMEOUT)).toEqual({ cleared: ["bot1", "bot2"] });
    expect(await callControl(path, "retry", "bot 1&x=/", TIMEOUT)).toEqual({ cleared: ["bot 1&x=/"] });
  });

  it("is for its owner only", async () => {
    await serve();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("hands on an error with its code and hint, and of a foreign one nothing but its kind", async () => {
    const error = new SidecryptError("docker-unreachable", "no engine on /var/run/docker.sock", "is it mounted?");
    await serve({ plan: () => Promise.reject(error), retry: () => Promise.reject(new TypeError("c4nary")) });
    await expect(callControl(path, "plan", null, TIMEOUT)).rejects.toMatchObject({
      name: "SidecryptError",
      code: "docker-unreachable",
      message: error.message,
      hint: "is it mounted?",
    });
    await expect(callControl(path, "retry", null, TIMEOUT)).rejects.toMatchObject({
      code: "internal",
      message: "unexpected TypeError",
    });
  });

  it("replaces the socket of a daemon that was killed", async () => {
    await leaveStaleSocket(path);
    await expect(callControl(path, "health", null, TIMEOUT)).rejects.toMatchObject({ code: "daemon-unreachable" });
    await serve();
    expect((await callControl(path, "health", null, TIMEOUT)).ok).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("never displaces a daemon that lives", async () => {
    await serve();
    await expect(serve()).rejects.toMatchObject({
      code: "state-unwritable",
      message: `another sidecrypt serves ${path}`,
    });
    expect((await callControl(path, "health", null, TIMEOUT)).ok).toBe(true);
  });

  it("says why it cannot listen", async () => {
    path = join(dir, "no", "control.sock");
    await expect(serve()).rejects.toMatchObject({
      code: "state-unwritable",
      message: `cannot listen on ${path}: its directory is not there or cannot be written to`,
    });
    path = join(dir, "x".repeat(120));
    await expect(serve()).rejects.toMatchObject({
      message: expect.stringContaining("longer than 107 bytes") as string,
    });
  });

  it("is gone once it is closed, calls under way included", async () => {
    await serve({ plan: () => new Promise(() => undefined) });
    const call = callControl(path, "plan", null, TIMEOUT);
    const ended = expect(call).rejects.toMatchObject({ code: "daemon-unreachable" });
    await callControl(path, "health", null, TIMEOUT);
    await servers.pop()?.close();
    await ended;
    await expect(stat(path)).rejects.toThrow();
  });

  it("waits no longer than it is told to", async () => {
    await serve({ plan: () => new Promise(() => undefined) });
    await expect(callControl(path, "plan", null, 50)).rejects.toMatchObject({
      code: "daemon-unreachable",
      message: `the daemon on ${path} did not answer within 0.05s`,
    });
  });

  it("takes nothing but its own calls", async () => {
    await serve();
    expect(await raw(path, "GET", "/retry")).toBe(500);
    expect(await raw(path, "POST", "/status")).toBe(500);
    expect(await raw(path, "GET", "/toString")).toBe(500);
    expect(await raw(path, "GET", "//")).toBe(500);
  });

  it("is not taken in by something else on the socket", async () => {
    const other = createServer((socket) => socket.resume().end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"));
    await new Promise<void>((resolve) => other.listen(path, resolve));
    await expect(callControl(path, "status", null, TIMEOUT)).rejects.toMatchObject({ code: "daemon-unreachable" });
    await new Promise((resolve) => other.close(resolve));
  });

  describe("from the commands", () => {
    const run = (...argv: string[]) => sidecrypt(argv, { env: { SIDECRYPT_STATE: dir } });

    it("nobody there", async () => {
      const stderr = [
        `sidecrypt: error: no daemon listens on ${path}`,
        "sidecrypt: hint: run it inside the sidecar's container: docker compose exec secrets sidecrypt status",
        "",
      ].join("\n");
      expect(await run("status")).toEqual({ status: 2, stdout: "", stderr });
      expect(await run("health")).toEqual({ status: 1, stdout: "", stderr });
    });

    it("a file in its place", async () => {
      await writeFile(path, "");
      expect((await run("status")).stderr).toContain("no daemon listens");
    });

    it("status prints the table, or JSON", async () => {
      await serve();
      const { status, stdout } = await run("status");
      expect(status).toBe(0);
      expect(stdout).toMatch(/^all well: 2 consumers are current\n/);
      const json = JSON.parse((await run("status", "--json")).stdout) as unknown;
      expect(json).toEqual(JSON.parse(JSON.stringify(buildStatus(quiet()))));
    });

    it("plan prints its text, or JSON", async () => {
      await serve();
      expect(await run("plan")).toEqual({ status: 0, stdout: "nothing to do\n", stderr: "" });
      expect((await run("plan", "--json")).stdout).toBe('{\n  "units": []\n}\n');
    });

    it("retry says what is tried again", async () => {
      await serve();
      expect(await run("retry")).toEqual({ status: 0, stdout: "", stderr: "sidecrypt: trying again: bot1, bot2\n" });
      await servers.pop()?.close();
      await serve({ retry: () => Promise.resolve({ cleared: [] }) });
      expect((await run("retry")).stderr).toBe("sidecrypt: nothing is quarantined\n");
      expect((await run("retry", "bot1")).stderr).toBe("sidecrypt: bot1 is not quarantined\n");
    });

    it("health is 0 or 1, with its reasons", async () => {
      await serve();
      expect(await run("health")).toEqual({ status: 0, stdout: "", stderr: "" });
      await servers.pop()?.close();
      await serve({ health: () => ({ ok: false, reasons: ["bot1 has no generation on its drop"] }) });
      expect(await run("health")).toEqual({ status: 1, stdout: "bot1 has no generation on its drop\n", stderr: "" });
      expect((await run("health", "--x")).status).toBe(1);
    });
  });
});

/** A process that ends without closing leaves the file: here, one that nobody listens behind any more. */
async function leaveStaleSocket(path: string): Promise<void> {
  const { spawnSync } = await import("node:child_process");
  const program = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", program]);
  expect((await stat(path)).isSocket()).toBe(true);
}

function raw(socketPath: string, method: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.on("error", reject);
    call.end();
  });
}
