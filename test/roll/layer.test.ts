import { describe, expect, test } from "vitest";
import type { ChangedPath, DockerPort, Inspected, PathStat } from "../../src/docker/port.ts";
import { carry, isInjected, readLayer } from "../../src/roll/layer.ts";
import { readFileFromTar, tarOf } from "../../src/docker/tar.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeEngine, IMAGE_NAME } from "./fake-engine.ts";

const times = { created: "2026-01-02T10:00:00.9Z", startedAt: "2026-01-02T10:00:05.1Z" };
const stat = (modified: string, more: Partial<PathStat> = {}): PathStat => ({
  isFile: true,
  isSocket: false,
  size: 3,
  mode: 0o644,
  modified,
  ...more,
});

describe("H17: a file is Compose's", () => {
  test.each([
    ["at the second of the creation", "2026-01-02T10:00:00Z"],
    ["between creation and start", "2026-01-02T10:00:03Z"],
    ["rounded up over the start", "2026-01-02T10:00:06Z"],
    ["in another zone", "2026-01-02T12:00:03+02:00"],
  ])("when its time is a whole second %s", (_, modified) => {
    expect(isInjected(stat(modified), times)).toBe(true);
  });

  test.each([
    ["has a fraction: a process wrote it", "2026-01-02T10:00:03.136084669Z"],
    ["is from before the creation: unpacked by a package manager", "2025-06-01T00:00:00Z"],
    ["is from after the start", "2026-01-02T10:00:30Z"],
  ])("and the bot's when its time %s", (_, modified) => {
    expect(isInjected(stat(modified), times)).toBe(false);
  });

  test("also after a restart by hand, which moves the start", () => {
    expect(isInjected(stat("2026-01-02T10:00:03Z"), { ...times, startedAt: "2026-03-01T00:00:00Z" })).toBe(true);
  });

  test("but not when it is larger than anything that a Compose file holds", () => {
    expect(isInjected(stat("2026-01-02T10:00:03Z", { size: 9 * 1024 * 1024 }), times)).toBe(false);
  });
});

describe("H17: the layer", () => {
  const WRITTEN = "2026-01-02T10:07:03.136084669Z";
  const INJECTED = "2026-01-02T10:00:03Z";

  async function layer(
    paths: Record<string, PathStat | null>,
    mounts: Inspected["mounts"] = [],
    kind: ChangedPath["kind"] = "added",
  ) {
    const asked: string[] = [];
    const changes = Object.keys(paths).map((path) => ({ path, kind }));
    const docker = {
      changes: () => Promise.resolve(changes),
      statPath: (_: string, path: string) => {
        asked.push(path);
        return Promise.resolve(paths[path] ?? null);
      },
    } as unknown as DockerPort;
    const container = { id: "x", mounts, hostConfig: { Tmpfs: { "/scratch": "" } }, ...times } as unknown as Inspected;
    return { ...(await readLayer(docker, container)), asked };
  }

  const directory = stat(WRITTEN, { isFile: false });

  test("is told apart into what Compose put there and what the bot wrote", async () => {
    const paths = { "/app": directory, "/app/bot.sqlite": stat(WRITTEN), "/etc/bot.conf": stat(INJECTED) };
    expect(await layer(paths)).toMatchObject({ injected: ["/etc/bot.conf"], lost: ["/app/bot.sqlite"] });
  });

  test("counts changed files of the image too", async () => {
    const paths = { "/etc/passwd": stat(INJECTED), "/etc/bot.conf": stat(WRITTEN) };
    expect(await layer(paths, [], "modified")).toMatchObject({ injected: ["/etc/passwd"], lost: ["/etc/bot.conf"] });
    expect(await layer(paths, [], "deleted")).toMatchObject({ injected: [], lost: [] });
  });

  test("does not count directories, mounts, the engine's own, or what nobody misses", async () => {
    const mount = { type: "volume", name: "v", source: "", destination: "/data", writable: true };
    const paths = {
      "/empty": directory,
      "/data": directory,
      "/scratch/x": stat(WRITTEN),
      "/sbin/docker-init": stat(WRITTEN),
      "/tmp/state.json": stat(WRITTEN),
    };
    expect(await layer(paths, [mount])).toMatchObject({ injected: [], lost: [] });
  });

  test("has Compose's files wherever they are", async () => {
    expect(await layer({ "/tmp/conf": stat(INJECTED), "/run/conf": stat(INJECTED) })).toMatchObject({
      injected: ["/run/conf", "/tmp/conf"],
    });
  });

  test("is not looked at path by path without end: what is added beyond counts as the bot's", async () => {
    const many = Array.from({ length: 600 }, (_, n) => [`/cache/deep/${n}`, stat(WRITTEN)] as const);
    const found = await layer(Object.fromEntries([...many, ["/conf", stat(INJECTED)]]));
    expect(found.asked).toHaveLength(500);
    expect(found.injected).toEqual(["/conf"]);
    expect(found.lost).toHaveLength(600);
  });
});

describe("H17: carried files", () => {
  const spec = { body: { Image: IMAGE_NAME, HostConfig: {} }, connect: [] };
  const file = { content: Buffer.from("k\0v"), mode: 0o4440, uid: 1000, gid: 3_000_000, attributes: new Map() };

  async function engine() {
    const docker = new FakeEngine(new FakeClock()).connect();
    const id = await docker.create("first", spec);
    await docker.writeArchive(id, tarOf("/etc/bot.conf", file, 0));
    await docker.start(id);
    return { docker, id };
  }

  test("are found again in the copy, and in the copy of the copy", async () => {
    const { docker, id } = await engine();
    let from = id;
    for (const name of ["second", "third"]) {
      const old = (await docker.inspect(from))!;
      const { injected } = await readLayer(docker, old);
      expect(injected).toEqual(["/etc/bot.conf"]);
      const to = await docker.create(name, spec);
      await carry(docker, { from: old, to, paths: injected, now: docker.engine.clock.now() });
      expect(readFileFromTar((await docker.readArchive(to, "/etc/bot.conf"))!.tar)).toEqual(file);
      docker.engine.clock.time += 3_600_000;
      await docker.start(to);
      from = to;
    }
  });

  test("are not carried when they changed meanwhile", async () => {
    const { docker, id } = await engine();
    const old = (await docker.inspect(id))!;
    docker.engine.must(id).layer.set("/etc/bot.conf", { file, stat: stat("2999-01-01T00:00:00.5Z") });
    const to = await docker.create("second", spec);
    await expect(carry(docker, { from: old, to, paths: ["/etc/bot.conf"], now: 0 })).rejects.toThrow(
      "/etc/bot.conf, which Compose put into container first, could not be carried over",
    );
  });
});
