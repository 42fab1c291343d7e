import { expect, test } from "vitest";
import { study } from "../../src/daemon/study.ts";
import { rollUnit } from "../../src/roll/unit.ts";
import type { PathStat } from "../../src/docker/port.ts";
import type { FakeContainer } from "./fake-engine.ts";
import { type Service, Sidecar, World } from "./world.ts";

const SOLO: readonly Service[] = [{ name: "bot" }];
const CONF = "/etc/bot.conf";
const content = { content: Buffer.from("k"), mode: 0o644, uid: 0, gid: 0, attributes: new Map() };
const at = (modified: string): PathStat => ({ isFile: true, isSocket: false, size: 1, mode: 0o644, modified });
/** The bot was made and started in the second before. */
const INJECTED = at("2026-01-01T00:00:01Z");
const WRITTEN = at("2026-01-01T00:00:20.5Z");

/** A bot with a file of Compose's and one of its own, which the sidecar has studied while it was idle. */
async function studied() {
  const world = await World.on(SOLO);
  const sidecar = new Sidecar(world);
  const bot = world.containersOf("bot")[0]!;
  bot.layer.set(CONF, { file: content, stat: INJECTED });
  write(bot, "/app/old.sqlite");
  write(bot, "/app/old.sqlite");
  await study(sidecar.ctx, world.plan(), 0, new AbortController().signal);
  return { world, sidecar, bot, before: sidecar.session.calls.length };
}

const write = (bot: FakeContainer, path: string): void => void bot.layer.set(path, { file: content, stat: WRITTEN });

async function roll({ world, sidecar, before }: Awaited<ReturnType<typeof studied>>) {
  const said: string[] = [];
  const say = (event: string, fields: object = {}): void => {
    if (event.startsWith("files-")) said.push(`${event} ${String((fields as { paths?: unknown }).paths)}`);
  };
  const log = { info: say, warn: say, error: say };
  const outcome = await rollUnit({ ...sidecar.ctx, log }, world.plan().units[0]!);
  expect(outcome.kind).toBe("committed");
  const calls = sidecar.session.calls.slice(before).map(({ name }) => name);
  return { said, calls, bot: world.containersOf("bot")[0]! };
}

test("a layer that was studied is not walked while the old one waits to be stopped, and its file is carried", async () => {
  const { calls, bot, said } = await roll(await studied());
  expect(calls.indexOf("changes")).toBeGreaterThan(calls.indexOf("start"));
  expect(calls.indexOf("changes")).toBeLessThan(calls.indexOf("remove"));
  expect([...bot.layer.keys()]).toEqual([CONF]);
  expect(said).toEqual([`files-carried ${CONF}`, "files-left-behind /app/old.sqlite"]);
});

test("what the bot has written since is named before the old one is removed", async () => {
  const found = await studied();
  write(found.bot, "/app/new.sqlite");
  const { said } = await roll(found);
  expect(said).toEqual([
    `files-carried ${CONF}`,
    "files-left-behind /app/old.sqlite",
    "files-left-behind /app/new.sqlite",
  ]);
});

test("a file of Compose's that the bot has written to since is its own, and does not stop the roll", async () => {
  const found = await studied();
  write(found.bot, CONF);
  const { said, bot } = await roll(found);
  expect(said).toEqual(["files-left-behind /app/old.sqlite", `files-left-behind ${CONF}`]);
  expect([...bot.layer.keys()]).toEqual([]);
});

test("a start since makes what was studied void: Compose may have put other files there", async () => {
  const found = await studied();
  found.world.clock.time += 60_000;
  found.world.engine.restart(found.bot.name);
  const { calls } = await roll({ ...found, before: found.sidecar.session.calls.length });
  expect(calls.indexOf("changes")).toBeLessThan(calls.indexOf("stop"));
});

test("what is gone is forgotten, and what an engine does not tell is asked for by the roll", async () => {
  const { world, sidecar, bot } = await studied();
  const inspected = (await sidecar.session.inspect(bot.id))!;
  await study(sidecar.ctx, { consumers: [] }, 0, new AbortController().signal);
  expect(sidecar.ctx.layers.of(inspected)).toBeNull();
  const lost = new Sidecar(world, ({ name }) => (name === "changes" ? "unreachable" : null));
  await study(lost.ctx, world.plan(), 0, new AbortController().signal);
  expect(lost.ctx.layers.of(inspected)).toBeNull();
  await study(sidecar.ctx, world.plan(), 0, AbortSignal.abort());
  expect(sidecar.ctx.layers.of(inspected)).toBeNull();
});

test("ten seconds are quiet that no poll has broken, however often one comes", async () => {
  const world = await World.on(SOLO);
  const sidecar = new Sidecar(world);
  const stirredAt = world.clock.now();
  const isKnown = async (): Promise<boolean> => {
    const inspected = (await sidecar.session.inspect(world.containersOf("bot")[0]!.id))!;
    return sidecar.ctx.layers.of(inspected) !== null;
  };
  for (let seconds = 1; seconds <= 10; seconds++) {
    const poll = new AbortController();
    world.clock.beforeSleep = () => {
      if (seconds < 10) poll.abort();
    };
    await study(sidecar.ctx, world.plan(), stirredAt, poll.signal);
    expect(await isKnown(), `${seconds} s`).toBe(seconds === 10);
    if (seconds < 10) world.clock.time = stirredAt + seconds * 1_000;
  }
});
