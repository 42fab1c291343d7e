/** The drops as a roll acts on them, by volume. */
import { commit, deliver, type Drop, equip, flipBack, markSeen, readDrop, readLayout } from "../deliver/index.ts";
import { SidecryptError } from "../errors.ts";
import type { Drops } from "../roll/context.ts";

export function dropsOf(drops: readonly Drop[]): Drops {
  const find = (volume: string): Drop => {
    const drop = drops.find((one) => one.volume === volume);
    if (drop === undefined) throw new SidecryptError("internal", `volume ${volume} is not a drop of this sidecar`);
    return drop;
  };
  return {
    equip: (volume) => equip(find(volume)),
    deliver: (generation, adopt) => deliver(find(generation.volume), generation, adopt),
    currentId: async (volume) => (await readDrop(find(volume).path, volume)).current?.id ?? null,
    pointsAt: (volume) => {
      const drop = drops.find((one) => one.volume === volume);
      return Promise.resolve(drop === undefined ? null : readLayout(drop.path).current);
    },
    flipBack: (volume, keepFailed) => flipBack(find(volume), keepFailed),
    commit: (volume) => commit(find(volume)),
    markSeen: (volume, entries) => (entries.length === 0 ? Promise.resolve() : markSeen(find(volume), entries)),
  };
}
