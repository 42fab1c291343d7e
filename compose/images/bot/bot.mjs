// A trading bot as sidecrypt's consumers are: it reads its secrets once, at its
// start, and goes on using what it read. It trades nothing.
//
//   node bot.mjs          runs
//   node bot.mjs health   exit 0: logged in to Redis, and the exchange takes the key
//   node bot.mjs state    prints its state, which holds no value
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { hostname } from "node:os";

const SECRETS = "/run/secrets";
const STATE_FILE = "/tmp/bot-state.json";
const TICK_MS = 1000;
const ANSWER_MS = 2000;
const FRESH_MS = 4000;
const HEARTBEAT_SECONDS = 5;

const env = process.env;
const name = env.BOT_NAME || hostname();
const redisHost = env.REDIS_HOST || "redis";
const redisPort = Number(env.REDIS_PORT || 6379);
const refusedPrefixes = ["bad-", env.BOT_REFUSES].filter(Boolean);

// --- what it knows -----------------------------------------------------------

// Bytes, because a password need not be text. A line end at the end is no part of it.
function readSecret(file) {
  const path = `${SECRETS}/${file}`;
  try {
    const bytes = readFileSync(path);
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0x0a) end -= 1;
    if (end > 0) return bytes.subarray(0, end);
    console.error(`${name}: the secret file ${path} is empty`);
  } catch (error) {
    console.error(`${name}: the secret file ${path} cannot be read (${error.code})`);
  }
  process.exit(1);
}

// Four characters tell two keys apart; of a short key they would be too much.
function masked(key) {
  return key.length >= 12 ? `****${key.slice(-4)}` : "****";
}

// --- its state ---------------------------------------------------------------

const state = { name, apiKey: "****", redis: "unreachable", exchange: "refused", since: "" };

function become(redis, exchange) {
  if (state.since !== "" && state.redis === redis && state.exchange === exchange) return;
  Object.assign(state, { redis, exchange, since: new Date().toISOString() });
  console.log(`${name}: redis ${redis}, ${exchangeSays(exchange)} (key ${state.apiKey})`);
  saveState();
}

function exchangeSays(exchange) {
  return exchange === "accepted" ? "the exchange accepts this key" : "the exchange refuses this key";
}

// Written beside and moved, so that a health check never reads half a file. Its
// time of change says that the bot still lives.
function saveState() {
  const next = `${STATE_FILE}.next`;
  writeFileSync(next, `${JSON.stringify(state)}\n`);
  renameSync(next, STATE_FILE);
}

// --- Redis -------------------------------------------------------------------

function request(...words) {
  const parts = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.from(word);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

// One connection that sends a request a time; AUTH and SET answer with one line each.
class RedisLink {
  #socket;
  #received = "";
  #waiting = null;

  constructor(host, port) {
    this.#socket = connect({ host, port });
    this.#socket.setNoDelay(true);
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (text) => this.#receive(text));
    this.#socket.on("error", () => this.#settle(null));
    this.#socket.on("close", () => this.#settle(null));
  }

  get open() {
    return !this.#socket.destroyed && !this.#socket.readableEnded;
  }

  // The answer's line, or null when there is none.
  ask(...words) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.close(), ANSWER_MS);
      this.#waiting = (line) => {
        clearTimeout(timer);
        resolve(line);
      };
      if (this.open) this.#socket.write(request(...words));
      else this.#settle(null);
    });
  }

  close() {
    this.#socket.destroy();
    this.#settle(null);
  }

  #receive(text) {
    this.#received += text;
    const end = this.#received.indexOf("\r\n");
    if (end < 0) return;
    const line = this.#received.slice(0, end);
    this.#received = this.#received.slice(end + 2);
    this.#settle(line);
  }

  #settle(line) {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.(line);
  }
}

let link = null;

// One heartbeat, over the connection that is there or a new one. A new one logs
// in with the password that was read at the start: there is no other.
async function beat(password) {
  if (!link?.open) {
    link = new RedisLink(redisHost, redisPort);
    const answer = await link.ask("AUTH", password);
    if (answer !== "+OK") return hangUp(answer);
  }
  const answer = await link.ask("SET", `bot:${name}`, new Date().toISOString(), "EX", String(HEARTBEAT_SECONDS));
  return answer === "+OK" ? "logged-in" : hangUp(answer);
}

function hangUp(answer) {
  link.close();
  return /^-(WRONGPASS|NOAUTH|NOPERM|ERR)/.test(answer ?? "") ? "refused" : "unreachable";
}

// --- the commands ------------------------------------------------------------

async function run() {
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
  // A restarted container still has the file of its former life.
  rmSync(STATE_FILE, { force: true });

  const key = readSecret(env.BOT_API_KEY_NAME || "API_KEY").toString("utf8");
  const password = redisHost === "none" ? null : readSecret("REDIS_PASSWORD");
  const exchange = refusedPrefixes.some((prefix) => key.startsWith(prefix)) ? "refused" : "accepted";
  state.apiKey = masked(key);

  for (;;) {
    become(password === null ? "none" : await beat(password), exchange);
    saveState();
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}

function health() {
  const { redis, exchange } = JSON.parse(readFileSync(STATE_FILE, "utf8"));
  const age = Date.now() - statSync(STATE_FILE).mtimeMs;
  const complaints = [
    redis === "logged-in" || redis === "none" ? "" : `redis ${redis}`,
    exchange === "accepted" ? "" : exchangeSays(exchange),
    age <= FRESH_MS ? "" : "the bot has stopped moving",
  ].filter(Boolean);
  if (complaints.length > 0) {
    console.error(complaints.join("; "));
    process.exitCode = 1;
  }
}

// `health` and `state` of a bot that has not come far enough to have a state.
function orNotStarted(command) {
  try {
    command();
  } catch {
    console.error("the bot has not started yet");
    process.exitCode = 1;
  }
}

const commands = {
  run,
  health: () => orNotStarted(health),
  state: () => orNotStarted(() => process.stdout.write(readFileSync(STATE_FILE, "utf8"))),
};

const command = commands[process.argv[2] ?? "run"];
if (!command) {
  console.error("usage: node bot.mjs [run|health|state]");
  process.exit(2);
}
await command();
