import { describe, expect, test } from "vitest";
import { optionsFault, readMounts, readSwapWarnings, seenMount, swapWarning } from "../../src/deliver/index.ts";
import { mountAt, parseMountinfo } from "../../src/mountinfo.ts";
import type { VolumeOptions } from "../../src/deliver/index.ts";
import { mountedDrop } from "./drops.ts";

const SWAP = "Filename\tType\tSize\tUsed\tPriority\n/swapfile file 131068 0 -2\n";
const NO_SWAP = "Filename\tType\tSize\tUsed\tPriority\n";
const BOT1 = { path: "/drops/bot1", volume: "bot1-secrets" };
const line = (point: string, options: string, type = "tmpfs") =>
  `43 27 0:39 / ${point} rw,nosuid,relatime shared:1 - ${type} ${type} rw,${options}\n`;

describe("mountinfo", () => {
  test("undoes the kernel's escapes", () => {
    expect(parseMountinfo(line("/a\\040b\\134c", "size=64k"))[0]).toMatchObject({ point: "/a b\\c", type: "tmpfs" });
  });

  test("of mounts on top of each other the last is the one that is seen", () => {
    const mounts = parseMountinfo(line("/drops/bot1", "size=64k") + line("/drops/bot1", "size=1024k"));
    expect(mountAt(mounts, "/drops/bot1")?.options).toContain("size=1024k");
    expect(mountAt(mounts, "/drops")).toBeNull();
  });

  test("what is no mount line is passed over", () => {
    expect(parseMountinfo("\nnonsense\n1 2 3 - \n")).toEqual([]);
  });
});

describe("swapWarning", () => {
  test("names each drop without noswap, where swap is on", () => {
    const redis = { path: "/drops/redis", volume: "redis-secrets" };
    const mountinfo = line("/drops/bot1", "size=1024k") + line("/drops/redis", "size=1024k,noswap");
    expect(swapWarning(SWAP, mountinfo, [BOT1, redis])).toMatchObject([{ subject: "bot1-secrets" }]);
    expect(swapWarning(NO_SWAP, mountinfo, [BOT1, redis])).toEqual([]);
    expect(swapWarning("", mountinfo, [BOT1])).toEqual([]);
  });

  test("ramfs is never swapped", () => {
    expect(swapWarning(SWAP, line("/drops/bot1", "", "ramfs"), [BOT1])).toEqual([]);
  });

  test("reads /proc", async () => {
    expect(await readSwapWarnings([])).toEqual([]);
  });
});

describe("optionsFault", () => {
  const tmpfs = (o: string): VolumeOptions => ({ type: "tmpfs", device: "tmpfs", o });
  const seen = (options: string, mode = 0o2750, type = "tmpfs") => ({
    mount: mountAt(parseMountinfo(line("/drops/bot1", options, type)), "/drops/bot1"),
    mode,
  });

  test.each<[string, VolumeOptions, ReturnType<typeof seen>]>([
    ["the same", tmpfs("size=1m,mode=2750,gid=1000"), seen("size=1024k,mode=2750,gid=1000")],
    ["the same in other words", tmpfs("size=1048576,mode=02750,gid=1000,uid=0"), seen("size=1024k,mode=2750,gid=1000")],
    ["a size rounded up to a page", tmpfs("size=1000000,mode=2750"), seen("size=980k,mode=2750")],
    ["a size in percent", tmpfs("size=10%,mode=2750"), seen("size=98304k,mode=2750")],
    ["defaults", tmpfs("size=1m"), seen("size=1024k", 0o1777)],
    ["a bind of a memory-backed directory", { type: "none", o: "bind", device: "/mnt/ram" }, seen("size=1g", 0o755)],
    ["ramfs, which ignores all but the mode", { type: "ramfs", o: "size=1m,gid=1000" }, seen("", 0o755, "ramfs")],
  ])("%s: no fault", (_, options, mount) => {
    expect(optionsFault("bot1-secrets", options, mount)).toBeNull();
  });

  test.each<[string, VolumeOptions, ReturnType<typeof seen>, string]>([
    ["no options at all", null, seen("size=1024k,mode=2750"), "type tmpfs"],
    ["another size", tmpfs("size=1m,mode=2750"), seen("size=64k,mode=2750"), "size 1m and mounted with 64k"],
    ["another group", tmpfs("mode=2750,gid=999"), seen("mode=2750,gid=1000"), "gid 999 and mounted with 1000"],
    [
      "a group that is only defined",
      tmpfs("mode=2750,gid=999"),
      seen("mode=2750"),
      "gid 999 and mounted with the default",
    ],
    ["another mode", tmpfs("mode=2755"), seen("mode=2750"), "mode 2755 and mounted with 2750"],
    ["another filesystem", tmpfs("mode=2750"), seen("mode=2750", 0o2750, "ext4"), "tmpfs and mounted as ext4"],
    ["not mounted", tmpfs("mode=2750"), { mount: null, mode: 0o755 }, "not mounted"],
    ["an image's copy-up", tmpfs("mode=2750"), seen("mode=2750", 0o711), "mode 0711 instead of 2750"],
  ])("%s: a fault with the line", (_, options, mount, words) => {
    expect(optionsFault("bot1-secrets", options, mount)).toMatchObject({
      code: "drop-mismatch",
      subject: "bot1-secrets",
      message: expect.stringContaining(words) as string,
      hint: expect.stringContaining("docker volume rm bot1-secrets") as string,
    });
  });

  test("a real mount has the options that it was given", async () => {
    const o = "size=1m,mode=2750,gid=1000,noexec,nosuid,nodev";
    const mount = await seenMount(mountedDrop(o), await readMounts());
    expect(optionsFault("bot1-secrets", tmpfs(o), mount)).toBeNull();
    expect(optionsFault("bot1-secrets", tmpfs("size=2m,mode=2750,gid=1000"), mount)?.message).toContain("size 2m");
  });
});
