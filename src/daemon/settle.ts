/** What is done on drops that nobody is rolled for: deliveries, adoption and commits. */
import { faultOf } from "../fault.ts";
import type { Log } from "../report/log.ts";
import type { Drops } from "../roll/context.ts";
import type { DeliverStep, Opened, Plan, Templates } from "../types.ts";
import type { Look } from "./look.ts";
import type { Memory } from "./memory.ts";
import type { News } from "./news.ts";
import { adoptionsOn, settledVolumes } from "./settled.ts";

export interface SettleParts {
  readonly drops: Drops;
  readonly memory: Memory;
  readonly log: Log;
  readonly news: News;
}

/** Drops of the units that are being rolled, or were when it was looked: nobody else writes to them. */
type InHand = ReadonlySet<string>;

/** The script is there before the first generation, and on a drop that an older version filled. */
async function equipAll({ drops, news }: SettleParts, { observed, plan }: Look, inHand: InHand): Promise<void> {
  const used = new Set(plan.consumers.map(({ volume }) => volume));
  for (const { volume, fault } of observed.drops) {
    if (fault !== null || !used.has(volume) || inHand.has(volume)) continue;
    // Most consumers have no use for it: that it is not there stops nothing else.
    const failed = await drops.equip(volume).then(
      () => null,
      (thrown: unknown) => faultOf(thrown, volume),
    );
    news.equipped(volume, failed);
  }
}

/** False: there was nothing to deliver. */
export async function deliverAll(parts: SettleParts, look: Look, inHand: InHand): Promise<boolean> {
  const { drops, log } = parts;
  await equipAll(parts, look, inHand);
  const steps = look.plan.deliveries.filter((step) => !inHand.has(step.generation.volume));
  for (const step of steps) {
    const { volume } = step.generation;
    try {
      await deliverOne(drops, look, step);
      log.info("delivered", { volume, generation: step.generation.id, cause: step.cause });
    } catch (thrown) {
      log.error("drop-fault", { volume, ...faultOf(thrown, volume) });
    }
  }
  return steps.length > 0;
}

async function deliverOne(drops: Drops, { leftovers }: Look, { generation, adopt }: DeliverStep): Promise<void> {
  await drops.deliver(generation, adopt);
  // Nobody is rolled for it, so there is nothing to go back from; not while a roll that was killed waits.
  if (!leftovers.has(generation.volume)) await drops.commit(generation.volume);
}

export async function adoptAll({ drops }: SettleParts, { observed, plan }: Look, inHand: InHand): Promise<void> {
  for (const drop of observed.drops) {
    if (drop.fault !== null || inHand.has(drop.volume)) continue;
    await drops.markSeen(drop.volume, adoptionsOn(drop, plan));
  }
}

/** Returns the volumes that are settled. */
export async function commitSettled({ drops }: SettleParts, look: Look, inHand: InHand): Promise<string[]> {
  const settled = [...settledVolumes(look.plan)].filter((volume) => !inHand.has(volume));
  for (const { volume, previous } of look.observed.drops) {
    // A killed sidecar may have got as far as the last gate, but not to the commit.
    if (settled.includes(volume) && previous !== null && !look.leftovers.has(volume)) await drops.commit(volume);
  }
  return settled;
}

/** That is what a reboot falls back to. */
export async function writeSettled({ memory }: SettleParts, look: Look, settled: readonly string[]): Promise<void> {
  const { present, observed, plan } = look;
  if (present.opened === null || present.bundles === null) return;
  await memory.commit(settled, present.bundles, templatesFor(settled, plan, present.opened));
  await memory.forgetOtherDrops(observed.drops.map(({ volume }) => volume));
}

/** By volume, what the files on it are made of beside the bundle. */
function templatesFor(volumes: readonly string[], { consumers }: Plan, { templates }: Opened): Map<string, Templates> {
  const used = (volume: string): string[] =>
    consumers.filter((one) => one.volume === volume).flatMap((one) => one.templates);
  return new Map(
    volumes.map((volume) => {
      const found = used(volume).flatMap((name) => {
        const bytes = templates?.get(name);
        return bytes === undefined ? [] : [[name, bytes] as const];
      });
      return [volume, new Map(found)];
    }),
  );
}
