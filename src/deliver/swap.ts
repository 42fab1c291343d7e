/** Plain tmpfs is written to swap in clear (tmpfs-and-leaks.md §2.6); `noswap` needs Linux 6.4. */
import { readFile } from "node:fs/promises";
import type { Warning } from "../types.ts";
import type { Drop } from "./layout.ts";
import { mountAt, parseMountinfo } from "../mountinfo.ts";

export async function readSwapWarnings(drops: readonly Drop[]): Promise<Warning[]> {
  const [swaps, mountinfo] = await Promise.all([
    readFile("/proc/swaps", "utf8"),
    readFile("/proc/self/mountinfo", "utf8"),
  ]);
  return swapWarning(swaps, mountinfo, drops);
}

/** Pure: `/proc/swaps` has a header and one line a device; ramfs is never swapped. */
export function swapWarning(procSwaps: string, mountinfo: string, drops: readonly Drop[]): Warning[] {
  const devices = procSwaps.split("\n").slice(1);
  if (devices.every((line) => line.trim() === "")) return [];
  const mounts = parseMountinfo(mountinfo);
  return drops
    .filter((drop) => {
      const mount = mountAt(mounts, drop.path);
      return mount?.type === "tmpfs" && !mount.options.includes("noswap");
    })
    .map((drop) => ({
      subject: drop.volume,
      message:
        "swap is on and this volume is mounted without noswap, so its files can reach the swap device in clear: on " +
        `Linux 6.4 or later add noswap to its "o=" and run "docker volume rm ${drop.volume}", else turn swap off`,
    }));
}
