/**
 * The engine restarted in the middle of a roll: while nothing of the bot runs, and while the new one is on trial, or the
 * old one again; with a restart policy that heeds a stop and with one that does not (H22, H48).
 */
import { afterEach, expect, test } from "vitest";
import { losesVolumes } from "../../../src/verify/surroundings.ts";
import { mainEngine } from "../harness/engine.ts";
import { PrivateEngine } from "../harness/private-engine.ts";
import { GOOD, Walker } from "../harness/walk.ts";

let engine: PrivateEngine | null = null;
let walker: Walker | null = null;

afterEach(async () => {
  await walker?.close();
  await engine?.remove();
  [walker, engine] = [null, null];
});

const MODERN = "28.5";

/** The main engine's own version, where that keeps count of the drops' mounts (engine-restart.test.ts). */
async function engineFor(option: Option): Promise<PrivateEngine> {
  const isOther = option === "--live-restore=true" && losesVolumes(await (await mainEngine()).version());
  return PrivateEngine.start(["sidecrypt", "sidecrypt-bot"], isOther ? await PrivateEngine.pathOf(MODERN) : undefined);
}

const BAD = "bad-";

/** The call of a roll that is held back meanwhile. */
const MOMENTS = {
  "between the stop and the start": { n: 3, prefix: GOOD },
  "while the gate waits": { n: 6, prefix: GOOD },
  "on the way back, while nothing runs": { n: 8, prefix: BAD },
  "on the way back, once the old one runs": { n: 12, prefix: BAD },
} as const;
type Moment = keyof typeof MOMENTS;
type Policy = "unless-stopped" | "always";
type Option = `--live-restore=${boolean}`;
type Signal = "SIGTERM" | "SIGKILL";
type Case = [Option, Signal, Moment, Policy];

const CASES = (["--live-restore=false", "--live-restore=true"] as const).flatMap((option) =>
  (["SIGTERM", "SIGKILL"] as const).flatMap((signal) =>
    (Object.keys(MOMENTS) as Moment[]).flatMap((moment) =>
      (["unless-stopped", "always"] as const).map((restart): Case => [option, signal, moment, restart]),
    ),
  ),
);

test.each(CASES)(
  "H22, H48: an engine with %s that gets %s %s has one bot (%s) afterwards, on what its drop holds",
  async (option, signal, moment, restart) => {
    engine = await engineFor(option);
    await engine.stopDaemon("SIGTERM");
    await engine.startDaemon(option);
    walker = await Walker.start([{ name: "bot", refuses: BAD, restart }], engine);
    const key = await walker.begin({ ...MOMENTS[moment], trouble: "hold", among: "changes" });
    await walker.proxy.untilStruck();

    await engine.stopDaemon(signal);
    await engine.startDaemon(option);
    walker.proxy.release();
    // Of what outlived it, an engine without live-restore that was killed says that a person stopped it. The sidecar
    // may be at work meanwhile on what it finds: a container that is gone by then is no failure of ours.
    await walker.stack.tryCompose("start", "secrets");
    if (signal === "SIGKILL") await walker.stack.tryCompose("start");

    const { consumers } = await walker.rest();
    expect(consumers.map(({ state }) => state)).toEqual([MOMENTS[moment].prefix === GOOD ? "current" : "quarantined"]);
    const { broken, running } = await walker.quiet(key);
    expect(broken).toEqual([]);
    expect(running).toBe(1);
  },
);
