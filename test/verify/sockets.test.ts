import { expect, test } from "vitest";
import { parseInspect } from "../../src/docker/inspect.ts";
import type { Json, PathStat } from "../../src/docker/port.ts";
import { SidecryptError } from "../../src/errors.ts";
import { createSearcher } from "../../src/search/index.ts";
import { Sightings } from "../../src/verify/sightings.ts";
import { lookForSockets } from "../../src/verify/sockets.ts";
import { container } from "./world.ts";

const stat = (modified: string, over: Partial<PathStat> = {}): PathStat => {
  return { isFile: false, isSocket: true, size: 0, mode: 0o660, modified, ...over };
};
const ENGINE = stat("2026-11-30T00:26:34.20285915Z");
const ANOTHER = stat("2026-11-30T00:26:35.1Z");
const DIRECTORY = stat("2026-11-30T00:26:34.20285915Z", { isSocket: false, mode: 0o755 });
const FILE = stat("2026-11-30T00:26:34.20285915Z", { isFile: true, isSocket: false });

const bind = (Source: string, Destination: string): Json => ({ Type: "bind", Source, Destination, RW: true });
const volume = (Name: string, Destination: string): Json => ({ Type: "volume", Name, Destination, RW: true });
const secrets = container("secrets", { Mounts: [bind("/srv/engine.socket", "/var/run/docker.sock")] });

/** What stands at a path, by the container and the path; an error is thrown. */
type Paths = Readonly<Record<string, PathStat | SidecryptError>>;

async function look(paths: Paths, ours: readonly Json[], others: readonly Json[] = [], sidecar: Json | null = secrets) {
  const into = new Sightings(createSearcher([]));
  const asked: string[] = [];
  const statPath = (id: string, path: string): Promise<PathStat | null> => {
    asked.push(`${id} ${path}`);
    const all: Paths = { "id-secrets /var/run/docker.sock": ENGINE, ...paths };
    const found = all[`${id} ${path}`] ?? null;
    return found instanceof Error ? Promise.reject(found) : Promise.resolve(found);
  };
  const { sources, seen } = await lookForSockets(
    { docker: { statPath }, dockerRoot: "/var/lib/docker", into },
    sidecar === null ? null : parseInspect(sidecar),
    { ours: ours.map(parseInspect), others: others.map(parseInspect) },
  );
  return { sources, seen: Object.fromEntries([...seen].filter(([, all]) => all.length > 0)), into, asked };
}

test("the engine's socket is known by what it is, not by its name: in a bind, in a directory, in a volume", async () => {
  const bot1 = container("bot1", { Mounts: [bind("/tmp/x.sock", "/x")] });
  const bot2 = container("bot2", { Mounts: [bind("/srv/y", "/y"), volume("z", "/z")] });
  const paths = {
    ...{ "id-bot1 /x": ENGINE, "id-bot2 /y": DIRECTORY, "id-bot2 /z": DIRECTORY },
    ...{ "id-bot2 /y/docker.sock": ENGINE, "id-bot2 /z/engine.socket": ENGINE },
  };
  const { sources, seen, into } = await look(paths, [bot1], [bot2]);
  expect(sources).toEqual(["/srv/engine.socket"]);
  expect(seen).toEqual({ "id-bot1": ["/x"], "id-bot2": ["/y/docker.sock", "/z/engine.socket"] });
  expect([into.limits, into.gaps]).toEqual([[], []]);
});

test("a socket that is another one is named, and so is every one where there is none to compare with", async () => {
  const bot1 = container("bot1", { Mounts: [bind("/tmp/x.sock", "/x")] });
  for (const [found, sidecar] of [
    [ANOTHER, secrets],
    [ENGINE, null],
  ] as const) {
    const { seen, into } = await look({ "id-bot1 /x": found }, [bot1], [], sidecar);
    expect(seen).toEqual({});
    expect(into.limits).toMatchObject([{ subject: "stack-bot1-1", what: "socket /x" }]);
  }
});

test("files, plain directories and what is not there are none; what its name tells already is not asked", async () => {
  const Mounts = [
    ...[bind("/a", "/a"), bind("/b", "/b"), bind("/c", "/c"), bind("/run", "/run")],
    ...[bind("/run/docker.sock", "/d"), { Type: "tmpfs", Source: "", Destination: "/e", RW: true }],
  ];
  const paths = { "id-bot1 /a": FILE, "id-bot1 /b": DIRECTORY };
  const { seen, into, asked } = await look(paths, [container("bot1", { Mounts })]);
  expect([seen, into.limits, into.gaps]).toEqual([{}, [], []]);
  expect(asked.filter((one) => /\/(?:run|d|e)$/.test(one))).toEqual([]);
});

test("a look that fails is a gap in the project, and a limit beside it", async () => {
  const Mounts = [bind("/tmp/x.sock", "/x")];
  const refused = new SidecryptError("docker-refused", "no such file");
  const paths = { "id-bot1 /x": refused, "id-bot2 /x": refused };
  const { into } = await look(paths, [container("bot1", { Mounts })], [container("bot2", { Mounts })]);
  expect(into.gaps).toMatchObject([{ subject: "stack-bot1-1", what: "sockets among its mounts" }]);
  expect(into.limits).toMatchObject([{ subject: "stack-bot2-1", what: "sockets among its mounts" }]);
});
