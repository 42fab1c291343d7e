import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { EngineRefusal } from "../../src/docker/dial.ts";
import type { Evidence } from "../../src/docker/evidence.ts";
import type { Json } from "../../src/docker/port.ts";
import { lookAtContainer } from "../../src/verify/places.ts";
import type { Sightings } from "../../src/verify/sightings.ts";
import { lookAtStack } from "../../src/verify/stack.ts";
import { container, evidenceOf, looking, PROJECT } from "./world.ts";

const withState = (Status: string): Json => container("bot1", { State: { Status } });

describe("a container without processes", () => {
  /** Listed in the first state, found in the second one where its processes are asked for. */
  async function look(status: number, listed: string, found: string | null): Promise<Sightings> {
    const evidence = evidenceOf([], {
      top: () => Promise.reject(new EngineRefusal(status, "no")),
      container: () => Promise.resolve(found === null ? null : withState(found)),
    });
    const at = looking(evidence);
    await lookAtContainer(at, withState(listed));
    return at.into;
  }

  test.each<[number, string, string | null]>([
    [409, "restarting", "restarting"],
    [409, "running", "exited"],
    [404, "running", "restarting"],
    [404, "running", null],
  ])("is no gap: answer %i, %s in the list and %s after it", async (status, listed, found) => {
    const { gaps, limits } = await look(status, listed, found);
    expect(gaps).toEqual([]);
    expect(limits).toMatchObject([{ subject: "stack-bot1-1", what: "its processes" }]);
  });

  test.each<[number, string]>([
    [409, "running"],
    [403, "restarting"],
  ])("is taken for one that is hidden where it runs, or where the engine refuses: %i, %s", async (status, found) => {
    const { gaps, limits } = await look(status, "running", found);
    expect(gaps).toMatchObject([{ subject: "stack-bot1-1", what: "processes (docker top)" }]);
    expect(limits).toEqual([]);
  });

  test("is asked again where it has begun anew meanwhile", async () => {
    const answers = [new EngineRefusal(409, "restarting")];
    const well = evidenceOf([]);
    const evidence = evidenceOf([withState("running")], {
      top: (...args) => (answers.length > 0 ? Promise.reject(answers.pop()!) : well.top(...args)),
    });
    const at = looking(evidence);
    await lookAtContainer(at, withState("restarting"));
    expect([at.into.gaps, at.into.limits, at.into.counted("processes")]).toEqual([[], [], 1]);
  });
});

describe("what no look reads", () => {
  const bind = (Source: string, Destination: string): Json => ({ Type: "bind", Source, Destination, RW: true });
  const volume = (Name: string, Destination: string): Json => ({ Type: "volume", Name, Destination, RW: true });

  async function limits(ours: readonly Json[], over: Partial<Evidence> = {}): Promise<string[]> {
    const at = looking(evidenceOf(ours, over));
    await lookAtStack(at, { ours, others: [], volumes: [] }, PROJECT);
    expect(at.into.gaps).toEqual([]);
    return at.into.limits.map(({ subject, what, why }) => `${subject}: ${what}: ${why}`);
  }

  test("is named once with who has it: volumes, binds of directories, and tmpfs of either syntax", async () => {
    const tmpfs = { Type: "tmpfs", Source: "", Destination: "/scratch", RW: true };
    const bot1 = container("bot1", {
      Mounts: [volume("stack_data", "/data"), bind("/srv/user_data", "/x")],
      HostConfig: { Tmpfs: { "/tmp": "size=1m" } },
    });
    const bot2 = container("bot2", { Mounts: [bind("/srv/user_data", "/y"), tmpfs] });
    expect((await limits([bot1, bot2])).toSorted()).toEqual([
      "/scratch: content of the tmpfs: it is read by no look (bot2)",
      "/srv/user_data: content of the bind: it is read by no look (bot1, bot2)",
      "/tmp: content of the tmpfs: it is read by no look (bot1)",
      "stack_data: content of the volume: it is read by no look (bot1)",
    ]);
  });

  test("is neither a drop, wherever the sidecar has it, nor a socket, nor a file, which is read", async () => {
    const secrets = container("secrets", {
      Mounts: [volume("stack_bot1-secrets", "/drops/bot1"), bind("/run/docker.sock", "/var/run/docker.sock")],
    });
    const bot1 = container("bot1", { Mounts: [volume("stack_bot1-secrets", "/run/secrets"), bind("/srv/a", "/a")] });
    const file: Evidence["file"] = (_, path) =>
      Promise.resolve(path === "/a" ? { kind: "file", bytes: Buffer.from("a") } : { kind: "none" });
    expect(await limits([secrets, bot1], { file })).toEqual([]);
  });
});

describe("a changed file", () => {
  const VALUE = "k7Qw9zXp2LmN4vRtB8sD1fGh";
  const LARGE = 40 * 2 ** 20;

  async function look(file: Evidence["file"], content?: Evidence["content"]) {
    const evidence = evidenceOf([], content === undefined ? { file } : { file, content });
    const at = {
      ...looking(evidence, [{ name: "KEY", value: Buffer.from(VALUE) }]),
      changes: () => Promise.resolve([{ path: "/dump", kind: "added" as const }]),
    };
    await lookAtContainer(at, container("bot1"));
    return { found: at.into.all.map(({ rule, place, form }) => `${rule} ${place} ${form}`), gaps: at.into.gaps };
  }

  test("that is too large to be held is read as it comes, and to its end", async () => {
    const asked: string[] = [];
    const { found, gaps } = await look(
      () => Promise.resolve({ kind: "too-large", size: LARGE }),
      async function* (id, path) {
        asked.push(`${id} ${path}`);
        for (let left = LARGE; left > 0; left -= 2 ** 20) yield await Promise.resolve(Buffer.alloc(2 ** 20, "-\n"));
        yield Buffer.from(`the key: ${VALUE}\n`);
      },
    );
    expect(asked).toEqual(["id-bot1 /dump"]);
    expect([found, gaps]).toEqual([["value-in-file /dump raw"], []]);
  });

  test("that is a gzip is unpacked to its end; one that is damaged is a gap", async () => {
    const packed = gzipSync(Buffer.concat([Buffer.alloc(LARGE, "-\n"), Buffer.from(VALUE)]));
    const file =
      (bytes: Uint8Array): Evidence["file"] =>
      () =>
        Promise.resolve({ kind: "file", bytes });
    expect(await look(file(packed))).toEqual({ found: ["value-in-file /dump gzip"], gaps: [] });
    const { gaps } = await look(file(packed.subarray(0, packed.length / 2)));
    expect(gaps).toMatchObject([{ subject: "stack-bot1-1", what: "file /dump" }]);
  });

  test("that is larger than a gibibyte is a gap, and is not asked for", async () => {
    const { gaps } = await look(
      () => Promise.resolve({ kind: "too-large", size: 2 ** 31 }),
      () => {
        throw new Error("asked for");
      },
    );
    expect(gaps).toMatchObject([{ what: "file /dump", why: "it is larger than 1 GiB" }]);
  });
});
