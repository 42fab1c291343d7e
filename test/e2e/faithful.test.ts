/** A replaced container is the one that it replaces, to Docker and to Compose. */
import { expect, test } from "vitest";
import { comparable } from "./harness/compare.ts";
import { useStack } from "./harness/fixture.ts";
import { bot, type Definition } from "./harness/model.ts";
import { randomValue } from "./harness/values.ts";

/** A network of our own choice, out of the ranges that engines take by themselves. */
const SUBNET = `10.213.${1 + Math.floor(Math.random() * 250)}`;

/** No health check: what makes such a container quick to prove. */
const settle = { "sidecrypt.settle": "500ms" };

const reset = (key: string, entrypoint: readonly string[]): Definition => ({
  image: "sidecrypt-redis",
  entrypoint,
  command: ["sleep", "infinity"],
  init: true,
  labels: { "sidecrypt.secrets": key, ...settle },
  healthcheck: { disable: true },
  drop: { gid: 0 },
});

const full = bot("FULL_API_KEY", {
  hostname: "trader",
  domainname: "example.internal",
  networks: {
    front: { aliases: ["bot-front", "bot.example"] },
    back: { aliases: ["bot-back"], ipv4_address: `${SUBNET}.77`, priority: 10 },
    side: {},
  },
  volumes: ["/data", "named:/named", "./secrets:/conf:ro"],
  labels: { "com.example.team": "trading", "com.example.empty": "" },
  restart: "unless-stopped",
  stop_signal: "SIGINT",
  stop_grace_period: "7s",
  mem_limit: "160m",
  memswap_limit: "160m",
  cpus: 0.75,
  cpu_shares: 512,
  pids_limit: 123,
  shm_size: "8m",
  cap_drop: ["ALL"],
  cap_add: ["NET_BIND_SERVICE", "CHOWN"],
  security_opt: ["no-new-privileges:true"],
  init: true,
  sysctls: { "net.core.somaxconn": "1024", "net.ipv4.tcp_syncookies": "0" },
  ulimits: { nofile: { soft: 2048, hard: 4096 }, core: 1 },
  extra_hosts: ["exchange.example:192.0.2.7", "other.example:192.0.2.8"],
  dns: ["192.0.2.53"],
  dns_search: ["example.internal"],
  group_add: ["1234"],
  read_only: true,
  tmpfs: ["/tmp:mode=1777,size=4m", "/scratch:size=1m"],
  expose: ["8080", "9090/udp"],
  ports: [`127.0.0.1:${20000 + Math.floor(Math.random() * 10_000)}:8080`],
  logging: { driver: "json-file", options: { "max-size": "1m", "max-file": "2" } },
  oom_score_adj: 100,
  working_dir: "/app",
  stdin_open: true,
  tty: true,
  environment: { ZULU: "1", ALPHA: "2", MIKE: "a=b c", EMPTY: "" },
});

const services: Record<string, Definition> = {
  full,
  plain: bot("PLAIN_API_KEY", { volumes: ["/data"] }),
  disabled: { ...bot("DISABLED_API_KEY"), healthcheck: { disable: true } },
  nothing: reset("NOTHING_KEY", []),
  empty: reset("EMPTY_KEY", [""]),
};
const names: Record<string, string> = {
  full: "FULL_API_KEY",
  plain: "PLAIN_API_KEY",
  disabled: "DISABLED_API_KEY",
  nothing: "NOTHING_KEY",
  empty: "EMPTY_KEY",
};
services["disabled"] = { ...services["disabled"]!, labels: { ...services["disabled"]!.labels, ...settle } };

const stackOf = useStack({
  secrets: Object.fromEntries(Object.values(names).map((name) => [name, randomValue()])),
  services,
  networks: {
    front: {},
    back: { ipam: { config: [{ subnet: `${SUBNET}.0/24` }] } },
    side: { internal: true },
  },
  volumes: { named: {} },
});

test.each(Object.keys(services))(
  "the service %s must be the same container in every field after each roll",
  async (service) => {
    const stack = stackOf();
    await stack.waitCommitted();
    const before = await stack.inspect(service);
    const ids = new Set([before.Id]);

    for (const roll of [1, 2]) {
      await stack.bundle.set({ [names[service]!]: randomValue() });
      await stack.waitCommitted();
      const after = await stack.inspect(service);
      ids.add(after.Id);
      expect(comparable(after), `after roll ${roll}`).toEqual(comparable(before));
    }
    expect(ids.size).toBe(3);
  },
);

test("the comparison must see a changed option", async () => {
  const container = await stackOf().inspect("full");
  const changed = { ...container, HostConfig: { ...container.HostConfig, PidsLimit: 7 } };

  expect(comparable(changed)).not.toEqual(comparable(container));
});

test("a reset entrypoint must stay reset", async () => {
  const stack = stackOf();
  await stack.waitCommitted();

  await stack.bundle.set({ NOTHING_KEY: randomValue(), EMPTY_KEY: randomValue() });
  await stack.waitCommitted();

  for (const service of ["nothing", "empty"]) {
    const processes = await stack.engine.docker("top", (await stack.inspect(service)).Id, "-eo", "pid,args");
    expect(processes).toMatch(/^\s*\d+\s+sleep infinity$/m);
    expect(processes).not.toContain("redis");
  }
});

test("the content of anonymous and named volumes must survive a roll", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  const user = "0:0";
  for (const path of ["/data", "/named"]) {
    const { Id } = await stack.inspect("full");
    await stack.engine.docker("exec", "--user", user, Id, "sh", "-c", `echo kept > ${path}/kept`);
  }

  await stack.bundle.set({ FULL_API_KEY: randomValue() });
  await stack.waitCommitted();

  for (const path of ["/data", "/named"]) {
    const { Id } = await stack.inspect("full");
    expect(await stack.engine.docker("exec", "--user", user, Id, "cat", `${path}/kept`)).toBe("kept\n");
  }
});

test("other containers must find a replaced one under all of its names", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  await stack.bundle.set({ PLAIN_API_KEY: randomValue() });
  await stack.waitCommitted();

  const networks = await stack.engine.docker("network", "ls", "--quiet", "--filter", `name=${stack.project}_default`);
  const look = "Promise.all(process.argv.slice(1).map((n) => require('dns').promises.lookup(n)))";
  const alive = `${look}.catch((e) => { console.error(e.code, e.hostname); process.exit(1) })`;
  const hosts = ["plain", `${stack.project}-plain-1`];
  const found = await stack.engine.tryDocker(
    ...["run", "--rm", "--network", networks.trim(), "sidecrypt-bot", "node", "-e", alive, ...hosts],
  );

  expect(found).toMatchObject({ code: 0, stderr: "" });
});

test("docker compose up after rolls must recreate nothing and say that all are running", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  await stack.bundle.set(Object.fromEntries(Object.values(names).map((name) => [name, randomValue()])));
  await stack.waitCommitted();
  const before = await stack.lives();

  const { code, stderr } = await stack.tryCompose("up", "--detach");

  expect(code).toBe(0);
  expect(stderr).not.toMatch(/Recreat|Created|Starting|Started/);
  for (const service of Object.keys(services)) {
    expect(stderr).toMatch(new RegExp(`${stack.project}-${service}-1\\s+Running`));
  }
  expect(await stack.lives()).toEqual(before);
});
