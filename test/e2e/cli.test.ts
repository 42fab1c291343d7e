/** The commands in the sidecar's container: what they say and how they end. */
import { expect, test } from "vitest";
import { useStack } from "./harness/fixture.ts";
import { FORGERIES } from "./harness/forge.ts";
import { bot } from "./harness/model.ts";
import { SIDECAR } from "./harness/stack.ts";
import { randomValue } from "./harness/values.ts";

const secrets = { BOT1_API_KEY: randomValue(), BOT2_API_KEY: `${randomValue()} # not a comment` };

const stackOf = useStack({
  secrets,
  services: { bot1: bot("BOT1_API_KEY"), bot2: { ...bot("BOT2_API_KEY"), healthcheck: { disable: true } } },
});

test("status of a stack without trouble must say so first, list each consumer, and end with 0", async () => {
  const stack = stackOf();
  await stack.waitCommitted();

  const { code, stdout } = await stack.sidecrypt("status");

  expect(code).toBe(0);
  expect(stdout).toMatch(/^all well: 2 consumers are current\n/);
  expect(stdout).toContain(`bundle /bundle/prod.enc.env ok ${await stack.bundle.digest12()}`);
  expect(stdout).toMatch(/^bot1 +current +[0-9a-f]{12} /m);
  expect(stdout).toMatch(/^bot2 +current, unproven +[0-9a-f]{12} /m);
});

test("plan must say that nothing is to be done where nothing is", async () => {
  const stack = stackOf();
  await stack.waitCommitted();

  const { code, stdout } = await stack.sidecrypt("plan");

  expect(code).toBe(0);
  expect(stdout).toMatch(/nothing/);
});

test("plan must name who would be replaced and why, without a value", async () => {
  const stack = stackOf();
  await stack.waitCommitted();
  // A sidecar that is held up cannot have rolled it yet; its answer to `plan` looks anew.
  const sidecar = `${stack.project}-${SIDECAR}-1`;
  // Not by a pause: its freezer gives up on a busy machine.
  await stack.engine.docker("kill", "--signal", "STOP", sidecar);
  const key = randomValue();
  await stack.bundle.set({ BOT1_API_KEY: key });
  const plan = stack.sidecrypt("plan");
  await stack.engine.docker("kill", "--signal", "CONT", sidecar);
  await plan;
  await stack.waitCommitted();

  const planned = (await stack.log()).filter(({ event }) => event === "planned").at(-1);
  expect(JSON.stringify(planned)).toContain("recreate bot1");
  expect(JSON.stringify(planned)).toContain("BOT1_API_KEY changed");
  expect(JSON.stringify(planned)).not.toContain(key);
});

test("check must verify the bundle, name its secrets and warn of what Compose would have read otherwise", async () => {
  const { code, stdout } = await stackOf().sidecrypt("check");

  expect(code).toBe(0);
  expect(stdout).toMatch(/^\/bundle\/prod\.enc\.env: .*2 secrets,.* MAC verified\nBOT1_API_KEY\nBOT2_API_KEY\n/);
  expect(stdout).toMatch(/^warning: BOT2_API_KEY: /m);
  for (const value of Object.values(secrets)) expect(stdout).not.toContain(value);
});

test("check of a forged bundle must end with the class of a bundle and name the fault", async () => {
  const stack = stackOf();
  const good = await stack.bundle.bytes();
  await stack.bundle.replace(
    FORGERIES["whose value is plaintext"]!(Buffer.from(good).toString(), "BOT1_API_KEY", "BOT2_API_KEY"),
  );

  const { code, stdout, stderr } = await stack.sidecrypt("check");
  await stack.bundle.replace(good);

  expect([code, stdout]).toEqual([3, ""]);
  expect(stderr).toMatch(/^sidecrypt: error: .*BOT1_API_KEY/);
  expect(stderr).not.toContain("plaintext-of-a-forger");
});

test("health must end with 0 where every consumer has its files", async () => {
  await stackOf().waitCommitted();

  expect((await stackOf().sidecrypt("health")).code).toBe(0);
});

test("a command that does not exist must end with the class of usage and name the near one", async () => {
  const { code, stderr } = await stackOf().sidecrypt("staus");

  expect(code).toBe(2);
  expect(stderr).toContain("did you mean sidecrypt status?");
});

test("a command beside no daemon must end with the class of usage and say where to run it", async () => {
  const { code, stderr } = await stackOf().engine.tryDocker("run", "--rm", "sidecrypt", "status");

  expect(code).toBe(2);
  expect(stderr).toContain("docker compose exec secrets sidecrypt status");
});
