/** Images that nobody here built: a config.json, a redis.conf, a `NAME_FILE` and an environment. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { useStack } from "./harness/fixture.ts";
import { QUICK } from "./harness/model.ts";
import type { Stack } from "./harness/stack.ts";
import { randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";

/** Each with what breaks a file of its format. */
const secrets = {
  JSON_KEY: `${randomValue()}"\\ é`,
  REDIS_PASSWORD: `${randomValue()}" '\\x`,
  POSTGRES_PASSWORD: randomValue(),
  ENV_KEY: `${randomValue()}'"$HOME \`id\`\\`,
};

const CONFIG = '{ "dry_run": true, "key": "{{ JSON_KEY }}" }\n';
const REDIS = 'save ""\ndir /tmp\nrequirepass {{ REDIS_PASSWORD }}\n';

/** Reads its configuration once, at its start, as others' bots do; tells nobody but who asks for the file. */
const JSON_BOT =
  'const { key } = JSON.parse(require("fs").readFileSync("/run/secrets/config.json")); require("fs").writeFileSync("/tmp/key", key); setInterval(() => {}, 1e6)';
const ENV_BOT =
  'process.on("SIGTERM", () => process.exit(43)); require("fs").writeFileSync("/tmp/key", process.env.ENV_KEY); setInterval(() => {}, 1e6)';
const hasKey = { test: ["CMD", "test", "-s", "/tmp/key"], interval: QUICK };

const stackOf = useStack({
  secrets,
  services: {
    json: {
      image: "sidecrypt-bot",
      command: ["node", "-e", JSON_BOT],
      healthcheck: hasKey,
      labels: { "sidecrypt.secrets": "JSON_KEY", "sidecrypt.template": "config.json.tpl>config.json" },
      drop: { gid: 1000 },
    },
    redis: {
      image: "sidecrypt-redis",
      user: "999:999",
      entrypoint: ["redis-server", "/run/secrets/redis.conf"],
      healthcheck: { test: ["CMD", "grep", "-q", ":18EB", "/proc/net/tcp"], interval: QUICK },
      labels: { "sidecrypt.secrets": "REDIS_PASSWORD", "sidecrypt.template": "redis.conf.tpl>redis.conf" },
      drop: { gid: 999 },
    },
    postgres: {
      image: "sidecrypt-postgres",
      environment: { POSTGRES_PASSWORD_FILE: "/run/secrets/POSTGRES_PASSWORD" },
      healthcheck: { test: ["CMD", "pg_isready", "-q", "-h", "/tmp"], interval: QUICK },
      labels: { "sidecrypt.secrets": "POSTGRES_PASSWORD" },
      drop: { gid: 997 },
    },
    env: {
      image: "sidecrypt-bot",
      restart: "no",
      entrypoint: ["sh", "/run/secrets/with-secrets", "--require", "ENV_KEY"],
      command: ["node", "-e", ENV_BOT],
      healthcheck: hasKey,
      labels: { "sidecrypt.secrets": "ENV_KEY", "sidecrypt.env": "allowed" },
      drop: { gid: 1000 },
    },
  },
  files: { "config.json.tpl": CONFIG, "redis.conf.tpl": REDIS },
});

const keyOf = async (stack: Stack, service: string): Promise<string> =>
  (await stack.exec(service, "cat", "/tmp/key")).stdout;

test("a bot with a config.json must have its key inside", async () => {
  expect(await keyOf(stackOf(), "json")).toBe(secrets.JSON_KEY);
});

test("a Redis must ask for the password of its redis.conf, and for no other", async () => {
  const ping = async (input: string) =>
    (await stackOf().exec("redis", "sh", "-c", `${input} | redis-cli -x --no-auth-warning AUTH default`)).stdout.trim();
  expect(await ping('printf %s "$(cat /run/secrets/REDIS_PASSWORD)"')).toBe("OK");
  expect(await ping("printf wrong")).toContain("WRONGPASS");
});

test("a Postgres must take the password of its file, and no other", async () => {
  const login = (password: string) =>
    stackOf().exec("postgres", "sh", "-c", `PGPASSWORD=${password} psql -qAt -h 127.0.0.1 -U postgres -c 'SELECT 1'`);
  expect(await login('"$(cat "$POSTGRES_PASSWORD_FILE")"')).toMatchObject({ code: 0, stdout: "1\n" });
  expect((await login("wrong")).code).not.toBe(0);
});

test("a bot that knows only its environment must have its key there, and nobody else must see it", async () => {
  const stack = stackOf();
  expect(await keyOf(stack, "env")).toBe(secrets.ENV_KEY);
  expect(JSON.stringify(await stack.inspect("env"))).not.toContain(secrets.ENV_KEY.slice(0, 26));
  const { stdout } = await stack.engine.tryDocker("top", (await stack.inspect("env")).Id, "-eo", "pid,args");
  expect(stdout).not.toContain(secrets.ENV_KEY.slice(0, 26));
});

test("a new template must roll its reader and nobody else", async () => {
  const stack = stackOf();
  const { redis, postgres, env } = await stack.lives();
  const before = (await stack.inspect("json")).Id;
  await stack.bundle.beside("config.json.tpl", CONFIG.replace("true", "false"));
  await waitUntil("json has the new template", async () => {
    const now = await stack.containersOf("json");
    return now.length === 1 && now[0]?.Id !== before && now[0]?.State.Health?.Status === "healthy";
  });
  await stack.waitCommitted();
  expect(JSON.parse(await stack.file("json", "config.json"))).toEqual({ dry_run: false, key: secrets.JSON_KEY });
  expect(await stack.lives()).toMatchObject({ redis, postgres, env });
  const rolled = (await stack.log()).filter(({ event }) => event === "roll-started");
  expect(rolled.map(({ services, names }) => [services, names])).toEqual([[["json"], ["config.json.tpl"]]]);
});

test("a template that names what is not there must be refused by line, and change nothing", async () => {
  const stack = stackOf();
  const before = await stack.lives();
  await stack.bundle.beside("redis.conf.tpl", `${REDIS}masterauth {{ OTHER_KEY }}\n`);
  await stack.waitState("redis", "refused");
  const { stdout } = await stack.sidecrypt("status");
  expect(stdout).toContain("template redis.conf.tpl, line 4: the service has no OTHER_KEY");
  expect(await stack.lives()).toEqual(before);
  await stack.bundle.beside("redis.conf.tpl", REDIS);
  await stack.waitState("redis", "current");
});

test("signals and the exit status must pass, and an empty drop must stop the start", async () => {
  const stack = stackOf();
  await stack.compose("stop", "env");
  expect((await stack.inspect("env")).State.ExitCode).toBe(43);
  const image = "sidecrypt-bot";
  const script = await stack.file("json", "with-secrets");
  const copy = join(stack.directory, "with-secrets");
  await writeFile(copy, script, { mode: 0o444 });
  const empty = ["run", "--rm", "--network", "none", "-v", `${copy}:/run/secrets/with-secrets:ro`, image];
  const { code, stdout, stderr } = await stack.engine.tryDocker(
    ...empty,
    "sh",
    "/run/secrets/with-secrets",
    "echo",
    "started",
  );
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("with-secrets: /run/secrets holds no secrets");
});
