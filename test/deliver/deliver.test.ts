import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkMemory, commit, deliver, flipBack, markSeen, readDrop } from "../../src/deliver/index.ts";
import { CONTAINER, NEW, NEWER, OLD, OTHER, START, generation, mountedDrop, shmDrop, visible } from "./drops.ts";

const seen = (container: string, id: string, startedAt = START) => ({ container, startedAt, generation: id });

async function ids(path: string) {
  const { current, previous } = await readDrop(path, "bot1-secrets");
  return [current?.id ?? null, previous?.id ?? null];
}

describe("deliver", () => {
  test("lays a drop out as the kubelet does, bytes exact", async () => {
    const drop = shmDrop();
    const binary = Uint8Array.from({ length: 256 }, (_, index) => index);
    await deliver(drop, generation(OLD, { API_KEY: "no line feed", BINARY: binary, EMPTY: "" }), []);

    expect(readdirSync(drop.path).sort()).toEqual(["..data", `..gen-${OLD}`, "API_KEY", "BINARY", "EMPTY"]);
    expect(readlinkSync(join(drop.path, "..data"))).toBe(`..gen-${OLD}`);
    expect(readlinkSync(join(drop.path, "API_KEY"))).toBe("..data/API_KEY");
    expect(readFileSync(join(drop.path, "API_KEY"), "latin1")).toBe("no line feed");
    expect(readFileSync(join(drop.path, "BINARY")).equals(binary)).toBe(true);
    expect(readFileSync(join(drop.path, "EMPTY"))).toHaveLength(0);
  });

  test("a generation replaces the one before in every name, and keeps it as the way back", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { STAYS: "1", GOES: "1" }), []);
    expect(await ids(drop.path)).toEqual([OLD, null]);
    await deliver(drop, generation(NEW, { STAYS: "2", COMES: "2" }), []);
    expect(await ids(drop.path)).toEqual([NEW, OLD]);
    expect(visible(drop)).toEqual({ STAYS: "2", COMES: "2" });
  });

  test("the same generation again changes nothing, the time of its delivery above all", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { KEY: "1" }), []);
    const before = await readDrop(drop.path, drop.volume);
    const flipped = lstatSync(join(drop.path, "..data"), { bigint: true }).ctimeNs;
    await deliver(drop, generation(OLD, { KEY: "1" }), []);
    expect(await readDrop(drop.path, drop.volume)).toEqual(before);
    expect(lstatSync(join(drop.path, "..data"), { bigint: true }).ctimeNs).toBe(flipped);
  });

  test("a name that is no file name is refused before anything is written", async () => {
    const drop = shmDrop();
    for (const name of ["", ".", "..", "..data", "a/b", "a\0b", "x".repeat(256)]) {
      await expect(deliver(drop, generation(OLD, { [name]: "v" }), [])).rejects.toMatchObject({
        code: "not-supported",
      });
    }
    await expect(deliver(drop, generation("../../etc", {}), [])).rejects.toMatchObject({ code: "internal" });
    expect(readdirSync(drop.path)).toEqual([]);
  });

  test("an empty generation is one", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, {}), []);
    expect((await readDrop(drop.path, drop.volume)).current).toMatchObject({ id: OLD, files: new Map() });
  });
});

describe("the way back", () => {
  test("flipBack brings back bytes and names, and is done once", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { STAYS: "1", GOES: "1" }), []);
    await deliver(drop, generation(NEW, { STAYS: "2", COMES: "2" }), []);
    await flipBack(drop);
    expect(visible(drop)).toEqual({ STAYS: "1", GOES: "1" });
    expect(await ids(drop.path)).toEqual([OLD, null]);
    expect(readdirSync(drop.path)).not.toContain(`..gen-${NEW}`);
    const before = await readDrop(drop.path, drop.volume);
    await flipBack(drop);
    expect(await readDrop(drop.path, drop.volume)).toEqual(before);
  });

  test("commit ends it, and is done once", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { KEY: "1" }), []);
    await deliver(drop, generation(NEW, { KEY: "2" }), []);
    await commit(drop);
    await commit(drop);
    expect(await ids(drop.path)).toEqual([NEW, null]);
    expect(readdirSync(drop.path).sort()).toEqual(["..data", `..gen-${NEW}`, "KEY"]);
    await flipBack(drop);
    expect(visible(drop)).toEqual({ KEY: "2" });
  });

  test("leads to the generation committed last, also when a newer one arrived meanwhile", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { KEY: "1" }), []);
    await deliver(drop, generation(NEW, { KEY: "2" }), []);
    await deliver(drop, generation(NEWER, { KEY: "3" }), []);
    expect(await ids(drop.path)).toEqual([NEWER, OLD]);
    expect(readdirSync(drop.path)).not.toContain(`..gen-${NEW}`);
    await flipBack(drop);
    expect(visible(drop)).toEqual({ KEY: "1" });
  });

  test("a newer bundle that takes the change back delivers the generation that is there", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { KEY: "1" }), []);
    await deliver(drop, generation(NEW, { KEY: "2" }), []);
    await deliver(drop, generation(OLD, { KEY: "1" }), []);
    expect(await ids(drop.path)).toEqual([OLD, null]);
    expect(readdirSync(drop.path).sort()).toEqual(["..data", `..gen-${OLD}`, "KEY"]);
  });

  test("a kill between setting it and the flip leaves nothing to commit", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { KEY: "1" }), []);
    symlinkSync(`..gen-${OLD}`, join(drop.path, "..previous"));
    expect(await ids(drop.path)).toEqual([OLD, null]);
    await deliver(drop, generation(NEW, { KEY: "2" }), []);
    expect(await ids(drop.path)).toEqual([NEW, OLD]);
  });

  test("the time of a flip back is a delivery too: who started in between has read the failed files", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { KEY: "1" }), []);
    await deliver(drop, generation(NEW, { KEY: "2" }), []);
    const failed = (await readDrop(drop.path, drop.volume)).current!.deliveredAt;
    await flipBack(drop);
    expect((await readDrop(drop.path, drop.volume)).current!.deliveredAt).toBeGreaterThanOrEqual(failed);
  });
});

describe("a broken layout reads as what is complete, and the next delivery repairs it", () => {
  const wanted = generation(OLD, { KEY: "1", OTHER: "2" });
  const layout = ["..data", `..gen-${OLD}`, "KEY", "OTHER"];

  test.each<[string, (path: string) => void, string | null]>([
    [
      "a dangling ..data",
      (path) => {
        unlinkSync(join(path, "..data"));
        symlinkSync(`..gen-${NEW}`, join(path, "..data"));
      },
      null,
    ],
    [
      "a ..data that leads out of the drop",
      (path) => {
        unlinkSync(join(path, "..data"));
        symlinkSync("/etc", join(path, "..data"));
      },
      null,
    ],
    [
      "a directory in place of ..data",
      (path) => {
        unlinkSync(join(path, "..data"));
        mkdirSync(join(path, "..data"));
      },
      null,
    ],
    [
      "a half-written generation",
      (path) => {
        mkdirSync(join(path, `..gen-${NEW}`));
        writeFileSync(join(path, `..gen-${NEW}`, "KEY"), "");
      },
      OLD,
    ],
    [
      "temporary leftovers",
      (path) => {
        symlinkSync("x", join(path, "..link.tmp"));
        writeFileSync(join(path, "..seen.tmp"), "", { mode: 0o400 });
      },
      OLD,
    ],
    [
      "a missing stable link",
      (path) => {
        unlinkSync(join(path, "KEY"));
      },
      OLD,
    ],
    [
      "a file in place of a stable link",
      (path) => {
        unlinkSync(join(path, "KEY"));
        writeFileSync(join(path, "KEY"), "from an image");
      },
      OLD,
    ],
    [
      "a directory in place of a stable link",
      (path) => {
        unlinkSync(join(path, "KEY"));
        mkdirSync(join(path, "KEY", "x"), { recursive: true });
      },
      OLD,
    ],
    [
      "unknown names",
      (path) => {
        writeFileSync(join(path, "image-file"), "x");
        mkdirSync(join(path, "image-dir", "deep"), { recursive: true });
      },
      OLD,
    ],
    [
      "a dangling ..previous",
      (path) => {
        symlinkSync(`..gen-${NEW}`, join(path, "..previous"));
      },
      OLD,
    ],
  ])("%s", async (_, damage, reads) => {
    const drop = shmDrop();
    await deliver(drop, wanted, []);
    damage(drop.path);
    expect(await readDrop(drop.path, drop.volume)).toMatchObject({ fault: null, previous: null });
    expect(await ids(drop.path)).toEqual([reads, null]);
    await deliver(drop, wanted, []);
    expect(readdirSync(drop.path).sort()).toEqual(layout);
    expect(visible(drop)).toEqual({ KEY: "1", OTHER: "2" });
  });

  test("damaged bytes under the delivered id are replaced by a flip, not in place, and are no way back", async () => {
    const drop = shmDrop();
    await deliver(drop, wanted, []);
    unlinkSync(join(drop.path, `..gen-${OLD}`, "KEY"));
    writeFileSync(join(drop.path, `..gen-${OLD}`, "KEY"), "other");
    await deliver(drop, wanted, []);
    expect(visible(drop)).toEqual({ KEY: "1", OTHER: "2" });
    expect(await ids(drop.path)).toEqual([OLD, null]);
    await deliver(drop, generation(NEW, { KEY: "3" }), []);
    await flipBack(drop);
    expect(visible(drop)).toEqual({ KEY: "1", OTHER: "2" });
  });
});

describe("..seen", () => {
  test("adopted containers have seen both generations, and keep the old one after a way back", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { KEY: "1" }), []);
    await markSeen(drop, [seen(CONTAINER, OLD)]);
    await deliver(drop, generation(NEW, { KEY: "1", MORE: "2" }), [seen(CONTAINER, NEW)]);
    expect((await readDrop(drop.path, drop.volume)).seen).toEqual([seen(CONTAINER, OLD), seen(CONTAINER, NEW)]);
    await flipBack(drop);
    expect((await readDrop(drop.path, drop.volume)).seen).toEqual([seen(CONTAINER, OLD)]);
  });

  test("what a container has loaded since replaces what it had seen", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { KEY: "1" }), [seen(CONTAINER, OLD), seen(OTHER, OLD)]);
    await deliver(drop, generation(NEW, { KEY: "2" }), []);
    await markSeen(drop, [seen(CONTAINER, NEW)]);
    expect((await readDrop(drop.path, drop.volume)).seen).toEqual([seen(OTHER, OLD), seen(CONTAINER, NEW)]);
  });

  test("entries of containers and generations that are gone are dropped", async () => {
    const drop = shmDrop();
    await deliver(drop, generation(OLD, { KEY: "1" }), [seen(CONTAINER, OLD), seen(OTHER, OLD)]);
    await markSeen(drop, [], { living: new Set([OTHER]) });
    expect((await readDrop(drop.path, drop.volume)).seen).toEqual([seen(OTHER, OLD)]);
    await markSeen(drop, [seen(CONTAINER, NEWER)]);
    await deliver(drop, generation(NEW, { KEY: "2" }), []);
    await commit(drop);
    expect((await readDrop(drop.path, drop.volume)).seen).toEqual([]);
    // The id comes back: nobody has seen it.
    await deliver(drop, generation(OLD, { KEY: "1" }), []);
    expect((await readDrop(drop.path, drop.volume)).seen).toEqual([]);
  });

  test.each(["", "{", "{}", '[{"container":"x"}]', '[{"container":1}]'])(
    "malformed (%j) it says nothing",
    async (text) => {
      const drop = shmDrop();
      await deliver(drop, generation(OLD, { KEY: "1" }), []);
      writeFileSync(join(drop.path, "..seen"), text);
      expect(await readDrop(drop.path, drop.volume)).toMatchObject({ fault: null, seen: [] });
      await markSeen(drop, [seen(CONTAINER, OLD)]);
      expect((await readDrop(drop.path, drop.volume)).seen).toEqual([seen(CONTAINER, OLD)]);
    },
  );
});

describe("refused", () => {
  test("a directory on a disk, for every write, with nothing written", async () => {
    const path = mkdtempSync(join(tmpdir(), "sidecrypt-disk-"));
    onTestFinished(() => {
      rmSync(path, { recursive: true });
    });
    const drop = { path, volume: "bot1-secrets" };
    const refusal = {
      code: "drop-not-memory",
      hint: expect.stringContaining("docker volume rm bot1-secrets") as string,
    };
    await expect(checkMemory(path, drop.volume)).rejects.toMatchObject(refusal);
    await expect(deliver(drop, generation(OLD, { KEY: "1" }), [])).rejects.toMatchObject(refusal);
    await expect(markSeen(drop, [seen(CONTAINER, OLD)])).rejects.toMatchObject(refusal);
    await expect(flipBack(drop)).rejects.toMatchObject(refusal);
    await expect(commit(drop)).rejects.toMatchObject(refusal);
    expect(readdirSync(path)).toEqual([]);
    expect(await readDrop(path, drop.volume)).toMatchObject({ current: null, fault: refusal });
  });

  test("a drop that is not there is a fault of that drop", async () => {
    const { fault } = await readDrop("/dev/shm/sidecrypt-nowhere", "bot1-secrets");
    expect(fault).toMatchObject({ code: "drop-unwritable", subject: "bot1-secrets" });
  });

  test("a drop mounted read-only says so", async () => {
    const drop = mountedDrop("size=1m,mode=2750,ro");
    expect((await readDrop(drop.path, drop.volume)).fault).toMatchObject({
      code: "drop-unwritable",
      message: expect.stringContaining("read-only") as string,
    });
  });

  test("no room: the old generation stays whole, the partial new one goes, and a smaller one still fits", async () => {
    const drop = mountedDrop("size=64k,mode=2750,gid=1000");
    await deliver(drop, generation(OLD, { KEY: "1" }), [seen(CONTAINER, OLD)]);
    const before = await readDrop(drop.path, drop.volume);
    const names = Array.from({ length: 40 }, (_, index): [string, string] => [`KEY_${index}`, "x"]);
    await expect(deliver(drop, generation(NEW, Object.fromEntries(names)), [])).rejects.toMatchObject({
      code: "drop-full",
      hint: expect.stringContaining("size=") as string,
    });
    expect(await readDrop(drop.path, drop.volume)).toEqual(before);
    expect(readdirSync(drop.path).sort()).toEqual(["..data", `..gen-${OLD}`, "..seen", "KEY"]);
    await deliver(drop, generation(NEW, { KEY: "2" }), []);
    expect(visible(drop)).toEqual({ KEY: "2" });
  });
});
