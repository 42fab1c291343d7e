/** `sidecrypt.on-change: exec:CMD`, with a PostgreSQL that keeps its password in its data directory. */
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { useStack } from "../harness/fixture.ts";
import { waitOrder } from "../harness/gated.ts";
import { QUICK } from "../harness/model.ts";
import { composed, loaded, shell, type ShellOptions } from "../harness/shell.ts";
import { SIDECAR, type Stack } from "../harness/stack.ts";
import { badKey, randomValue } from "../harness/values.ts";
import { waitUntil } from "../harness/wait.ts";

const FILE = "/run/secrets/POSTGRES_PASSWORD";
/** As in the README, and it insists that the value before it is another one, in both directions. */
const COMMAND = [
  `! cmp -s ${FILE} /run/secrets/..previous/POSTGRES_PASSWORD &&`,
  `! grep -q ^bad- ${FILE} &&`,
  `printf '%s\\n' '\\set password \`cat ${FILE}\`' "ALTER ROLE postgres PASSWORD :'password';" |`,
  "psql -q -v ON_ERROR_STOP=1 -h /tmp -U postgres",
].join(" ");
const CLIENTS = ["client1", "client2"];

const client = (more: string, secrets: string): ShellOptions => ({
  image: "sidecrypt-postgres",
  health: `${more} PGPASSWORD=$(cat /tmp/loaded) psql -h postgres -U postgres -qAtc 'select 1'`,
  labels: { "sidecrypt.secrets": secrets },
  depends_on: { postgres: { condition: "service_healthy" } },
  drop: { gid: 997 },
});

const stackOf = useStack({
  secrets: { POSTGRES_PASSWORD: randomValue(), CLIENT_KEY: randomValue() },
  services: {
    postgres: {
      image: "sidecrypt-postgres",
      labels: { "sidecrypt.secrets": "POSTGRES_PASSWORD", "sidecrypt.on-change": composed(`exec:${COMMAND}`) },
      healthcheck: {
        test: ["CMD", "psql", "-h", "/tmp", "-U", "postgres", "-qAtc", "select 1"],
        interval: QUICK,
        // It is initialised first.
        retries: 60,
      },
      drop: { gid: 997 },
    },
    client1: shell("POSTGRES_PASSWORD", client("", "POSTGRES_PASSWORD")),
    client2: shell(
      "POSTGRES_PASSWORD",
      client('case "$(cat /run/secrets/CLIENT_KEY)" in bad-*) exit 1 ;; esac;', "POSTGRES_PASSWORD CLIENT_KEY"),
    ),
  },
});

let stack: Stack;
let password: string;

/** From wherever the test before left it. */
beforeEach(async () => {
  stack = stackOf();
  await stack.compose("start");
  password = await stack.file("postgres", "POSTGRES_PASSWORD");
  await stack.bundle.set({ POSTGRES_PASSWORD: password, CLIENT_KEY: randomValue() });
  await stack.waitCommitted();
});

/** Over TCP, where the server asks for it. */
async function logsIn(value: string): Promise<boolean> {
  const { Id } = await stack.running("postgres");
  const psql = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-qAtc", "select 1"];
  return (await stack.engine.tryDocker("exec", "--env", `PGPASSWORD=${value}`, Id, ...psql)).code === 0;
}

async function expectAllOn(value: string, other: string): Promise<void> {
  expect([await logsIn(value), await logsIn(other)]).toEqual([true, false]);
  for (const service of CLIENTS) {
    expect(await loaded(stack, service)).toBe(value);
    const isHealthy = async () => (await stack.inspect(service)).State.Health?.Status === "healthy";
    await waitUntil(`${service} is logged in`, isHealthy);
  }
}

test("a new password must be set by the command in the running server, and its clients replaced on it", async () => {
  const before = await stack.lives();
  const value = randomValue();

  await stack.bundle.set({ POSTGRES_PASSWORD: value });
  await stack.waitCommitted();

  const after = await stack.lives();
  expect(after["postgres"]).toBe(before["postgres"]);
  for (const service of CLIENTS) expect(after[service]).not.toBe(before[service]);
  await expectAllOn(value, password);
});

test("one client that fails must put the password, the files and the other client back", async () => {
  const before = await stack.ids();
  const value = randomValue();

  await stack.bundle.set({ POSTGRES_PASSWORD: value, CLIENT_KEY: badKey() });
  await stack.waitLooked();
  for (const service of ["postgres", ...CLIENTS]) await stack.waitState(service, "quarantined", 90);

  expect(await stack.ids()).toEqual(before);
  expect(await stack.file("postgres", "POSTGRES_PASSWORD")).toBe(password);
  await expectAllOn(password, value);
});

test("a command that fails must fail the gate before a client is touched, and be named without a value", async () => {
  const before = await stack.lives();
  const value = badKey();

  await stack.bundle.set({ POSTGRES_PASSWORD: value });
  await stack.waitLooked();
  await stack.waitState("postgres", "quarantined", 90);

  expect(await stack.lives()).toEqual(before);
  expect((await stack.consumer("postgres")).reason).toMatch(
    /command of its sidecrypt.on-change ended with exit status/,
  );
  await expectAllOn(password, value);
});

test.each(["create", "start"])(
  "a sidecar killed at a client's %s, the command done, must, started again, bring all of them to the new password",
  async (action) => {
    const value = randomValue();
    const events = stack.events();
    onTestFinished(() => {
      events.close();
    });

    await stack.bundle.set({ POSTGRES_PASSWORD: value });
    await events.next("client1", action);
    await stack.engine.docker("kill", "--signal", "KILL", `${stack.project}-${SIDECAR}-1`);
    await stack.compose("start", SIDECAR);
    await stack.waitCommitted();
    await waitOrder(stack, ["postgres", ...CLIENTS]);

    await expectAllOn(value, password);
  },
);

test("a password that changes while its server is stopped must wait for it, with its clients", async () => {
  const value = randomValue();
  await stack.compose("stop", "postgres");

  await stack.bundle.set({ POSTGRES_PASSWORD: value });
  await stack.waitLooked();
  await stack.waitState("postgres", "held");
  expect(await stack.file("client1", "POSTGRES_PASSWORD")).toBe(password);

  await stack.compose("start", "postgres");
  await stack.waitCommitted();
  await expectAllOn(value, password);
});
