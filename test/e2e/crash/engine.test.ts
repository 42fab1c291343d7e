/** The engine restarted in the middle of a roll: while nothing of the bot runs, and while the new one is on trial (H22, H48). */
import { afterAll, beforeAll, expect, test } from "vitest";
import { PrivateEngine } from "../harness/private-engine.ts";
import { GOOD, Walker } from "../harness/walk.ts";

let engine: PrivateEngine;
let walker: Walker;

beforeAll(async () => {
  engine = await PrivateEngine.start(["sidecrypt", "sidecrypt-bot"]);
  walker = await Walker.start([{ name: "bot", refuses: "bad-" }], engine);
});

afterAll(async () => {
  await walker.close();
  await engine.remove();
});

/** The call of a roll that is held back meanwhile. */
const MOMENTS = { "between the stop and the start": 3, "while the gate waits": 6 } as const;

const CASES = (["--live-restore=false", "--live-restore=true"] as const).flatMap((option) =>
  (["SIGTERM", "SIGKILL"] as const).flatMap((signal) =>
    (Object.keys(MOMENTS) as (keyof typeof MOMENTS)[]).map((moment) => [option, signal, moment] as const),
  ),
);

test.each(CASES)(
  "H22, H48: an engine with %s that gets %s %s has one bot afterwards, on the new key",
  async (option, signal, moment) => {
    await engine.stopDaemon("SIGTERM");
    await engine.startDaemon(option);
    await walker.renew();
    const key = await walker.begin({ n: MOMENTS[moment], trouble: "hold", among: "changes", prefix: GOOD });
    await walker.proxy.untilStruck();

    await engine.stopDaemon(signal);
    await engine.startDaemon(option);
    walker.proxy.release();
    // Of what outlived it, an engine without live-restore that was killed says that a person stopped it.
    await walker.stack.compose("start", "secrets");
    if (signal === "SIGKILL") await walker.stack.compose("start");

    await walker.rest();
    const { broken, running } = await walker.quiet(key);
    expect(broken).toEqual([]);
    expect(running).toBe(1);
  },
);
