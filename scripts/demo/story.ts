/** The story, step by step. Each step does one thing, waits for its end, and shows what was measured. */
import { docker, ids, inspectText, PROJECT, type Events } from "./engine.ts";
import { digest, readBundle, writeBundle } from "./files.ts";
import { command, fact, line, masked, note, seconds, step, table } from "./print.ts";
import { expect, until } from "./run.ts";
import { search } from "./search.ts";
import * as stack from "./stack.ts";
import { showRoll, unchanged } from "./table.ts";
import { fresh, type Values } from "./values.ts";

export class Story {
  readonly #values: Values;
  readonly #events: Events;

  constructor(values: Values, events: Events) {
    this.#values = values;
    this.#events = events;
  }

  async tell(): Promise<void> {
    await this.#comesUp();
    await this.#botsHaveTheirs();
    await this.#inspectIsClean();
    await this.#oneKeyChanges();
    await this.#passwordChanges();
    await this.#badKeyGoesBack();
    await this.#forgeryIsRefused();
    await this.#nothingLeaked();
  }

  async #comesUp(): Promise<void> {
    step("The stack comes up: the sidecar, a Redis with a password, two bots");
    const begun = Date.now();
    await stack.up();
    const lives = await stack.settled();
    const took = Date.now() - begun;
    const rows = [...lives].map(([service, { id, startedAt }]) => [service, id.slice(0, 12), startedAt.slice(11, 19)]);
    table(["SERVICE", "CONTAINER", "STARTED (UTC)"], rows);
    fact(`all four are healthy, ${seconds(took)} after the command`);
  }

  async #botsHaveTheirs(): Promise<void> {
    step("Each bot reads its own files, in memory, and is logged in to Redis");
    for (const bot of stack.BOTS) {
      // The script that stands on every drop is nobody's secret.
      const files = (await stack.filesOf(bot)).filter((name) => name !== "with-secrets").join(" ");
      expect(files === "API_KEY API_SECRET REDIS_PASSWORD", `${bot} has its own three files; it has ${files}`);
      const kind = await stack.fileSystemOf(bot);
      expect(kind === "tmpfs", `/run/secrets of ${bot} is a tmpfs; it is ${kind}`);
      fact(`${bot} has ${files}, on ${kind}`);
    }
    await this.#botsAreLoggedIn();
  }

  async #inspectIsClean(): Promise<void> {
    step("docker inspect of every container holds no value");
    command(`docker inspect $(docker ps --all --quiet --filter label=com.docker.compose.project=${PROJECT})`);
    const containers = await ids();
    const searched = this.#values.expectNowhere(await inspectText(containers));
    fact(`${searched} of ${containers.length} containers: found 0`);
    await searchIsNotBlind();
  }

  async #oneKeyChanges(): Promise<void> {
    step("One key of bot1 changes: bot1 is replaced, and nobody else");
    await this.#change("BOT1_API_KEY", fresh("demonstration-only-bot1-key"), ["bot1"]);
    await this.#botsAreLoggedIn();
  }

  async #passwordChanges(): Promise<void> {
    step("The Redis password changes: Redis is replaced, then both bots");
    const old = this.#values.of("REDIS_PASSWORD");
    const lives = await this.#change("REDIS_PASSWORD", fresh("demonstration-only-redis"), ["redis", "bot1", "bot2"]);
    const ready = this.#events.at("health_status: healthy", lives.get("redis")?.id ?? "");
    const starts = stack.BOTS.map((bot) => this.#events.at("start", lives.get(bot)?.id ?? ""));
    expect(
      ready !== null && starts.every((start) => start !== null && start > ready),
      "the new Redis was healthy before a new bot started",
    );
    fact("the new Redis was healthy before the first new bot started");
    await this.#botsAreLoggedIn();
    const [refusal = ""] = await stack.askRedis(`AUTH ${old}\n`);
    expect(refusal.startsWith("WRONGPASS"), "Redis refuses the old password");
    fact(`Redis refuses the old password, ${masked(old)}`);
  }

  async #badKeyGoesBack(): Promise<void> {
    step("A bad key for bot2: it is tried, fails, and everything goes back");
    const before = await stack.healthy();
    const old = this.#values.of("BOT2_API_KEY");
    await this.#set("BOT2_API_KEY", fresh("bad-key"));
    const after = await until("bot2 is quarantined, and everybody is healthy", stack.PATIENCE, async () => {
      const bot2 = (await stack.status())?.consumers.find(({ service }) => service === "bot2");
      return bot2?.state === "quarantined" ? stack.lives() : null;
    });
    command(`docker compose -p ${PROJECT} exec secrets sidecrypt status`);
    for (const text of (await stack.statusText()).trimEnd().split("\n")) note(text);
    line();
    expect(after.get("bot2")?.id === before.get("bot2")?.id, "bot2 is the container that it was");
    unchanged(before, after, ["secrets", "redis", "bot1"]);
    await showRoll(this.#events, before, after);
    expect((await stack.fileOf("bot2", "API_KEY")) === old, "bot2's file holds the old key again");
    fact(`bot2 is back in the container that it had, and its file holds ${masked(old)} again`);
    this.#values.set("BOT2_API_KEY", old);
    await this.#botsAreLoggedIn();
    line();
    note("The answer to that is a key that works:");
    await this.#change("BOT2_API_KEY", fresh("demonstration-only-bot2-key"), ["bot2"]);
  }

  async #forgeryIsRefused(): Promise<void> {
    step("A forged bundle: one secret is cut out, for which nobody needs a key. All others still decrypt");
    const before = await stack.healthy();
    const honest = await readBundle();
    const forged = Buffer.from(honest.toString("latin1").replace(/^BOT2_API_SECRET=.*\n/m, ""), "latin1");
    expect(forged.length < honest.length, "the bundle has a line BOT2_API_SECRET");
    await writeBundle(forged);
    const fault = await until("the forged bundle is refused", stack.PATIENCE, async () => {
      const bundle = (await stack.status())?.bundle;
      return bundle?.state === "refused" && bundle.digest12 === (await digest()) ? bundle.fault : null;
    });
    fact(`refused: ${fault.message} [${fault.code}]`);
    unchanged(before, await stack.healthy(), [...before.keys()]);
    fact("all four are healthy, in the same containers since the same times");
    const kept = await stack.fileOf("bot2", "API_SECRET");
    expect(kept === this.#values.of("BOT2_API_SECRET"), "bot2 keeps the secret that was cut out");
    fact(`bot2 still has the secret that was cut out, ${masked(kept)}`);
    await this.#botsAreLoggedIn();
    await writeBundle(honest);
    unchanged(before, await stack.settled(), [...before.keys()]);
    fact("the honest bundle is back and accepted, and nobody was replaced for it");
  }

  async #nothingLeaked(): Promise<void> {
    step("Every value that ever was in the bundle: in docker inspect and docker logs of every container");
    const containers = await ids();
    const logs = await Promise.all(containers.map((id) => stack.logs(id)));
    const searched = this.#values.expectNowhere([await inspectText(containers), ...logs].join("\n"));
    fact(`${searched} of ${containers.length} containers: found 0`);
  }

  // ---------------------------------------------------------------------------------------------------------------

  async #set(name: string, value: string): Promise<void> {
    await stack.setSecret(name, value);
    this.#values.set(name, value);
  }

  /** Sets a secret, and expects exactly these services to be replaced. */
  async #change(name: string, value: string, replaced: readonly string[]): Promise<stack.Lives> {
    const before = await stack.healthy();
    await this.#set(name, value);
    const begun = Date.now();
    const after = await stack.settled();
    const took = Date.now() - begun;
    for (const service of replaced) {
      expect(after.get(service)?.id !== before.get(service)?.id, `${service} has a new container`);
    }
    const others = [...before.keys()].filter((service) => !replaced.includes(service));
    unchanged(before, after, others);
    await showRoll(this.#events, before, after);
    fact(`replaced: ${replaced.join(", ")}; not touched: ${others.join(", ")}; done ${seconds(took)} after the change`);
    return after;
  }

  async #botsAreLoggedIn(): Promise<void> {
    for (const bot of stack.BOTS) {
      const key = this.#values.of(`${bot.toUpperCase()}_API_KEY`);
      const state = await stack.botState(bot);
      expect(state.redis === "logged-in", `${bot} is logged in to Redis; it is ${state.redis}`);
      expect(state.exchange === "accepted", `the exchange accepts the key of ${bot}; it is ${state.exchange}`);
      expect(state.apiKey === masked(key), `${bot} uses the key that the bundle gives it, ${masked(key)}`);
      fact(`${bot} uses the key ${state.apiKey} and is logged in to Redis`);
    }
    const password = this.#values.of("REDIS_PASSWORD");
    const keys = stack.BOTS.map((bot) => `bot:${bot}`).join(" ");
    await until("Redis takes the bundle's password, and both bots write to it", stack.PATIENCE, async () => {
      const answers = await stack.askRedis(`AUTH ${password}\nEXISTS ${keys}\n`);
      return answers.join(" ") === "OK 2" ? answers : null;
    });
    fact(`Redis takes the password ${masked(password)}, and both bots wrote to it within the last 5 s`);
  }
}

/** The same search must find what was put there on purpose: else to find nothing proves nothing. */
async function searchIsNotBlind(): Promise<void> {
  const canary = fresh("planted");
  const label = `planted=${Buffer.from(`x:${canary}`).toString("base64")}`;
  const id = (await docker("create", "--env", `PLANTED=${canary}`, "--label", label, "sidecrypt-bot")).trim();
  try {
    const found = search(await inspectText([id]), new Map([["PLANTED", [canary]]]));
    expect(found.length === 2, `the search finds the planted value twice; it found ${found.length}`);
    fact("the same search, on a container with a value planted in its environment and, in base64, a label: found 2");
  } finally {
    await docker("rm", id);
  }
}
