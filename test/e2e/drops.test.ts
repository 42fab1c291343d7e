/** Drops that must not be written to. */
import { expect, test } from "vitest";
import { withStack } from "./harness/fixture.ts";
import { bot } from "./harness/model.ts";
import { masked, SIDECAR, type Stack } from "./harness/stack.ts";
import { randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";

/** What stands on a volume, to somebody who mounts it besides. */
async function namesOn(stack: Stack, volume: string): Promise<string[]> {
  const mount = `${stack.project}_${volume}:/volume:ro,nocopy`;
  const listed = await stack.engine.docker(
    "run",
    "--rm",
    "--volume",
    mount,
    "--user",
    "0:0",
    "sidecrypt-bot",
    "ls",
    "-A",
    "/volume",
  );
  return listed.split("\n").filter((name) => name !== "");
}

test("a drop on a disk must be refused for its consumer alone, by the line that mends it, with nothing written to it", () =>
  withStack(
    {
      secrets: { BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue() },
      services: { bot1: bot("BOT1_API_KEY"), bot2: bot("BOT2_API_KEY", { drop: { volume: {} } }) },
    },
    async (stack) => {
      await stack.compose("create");
      await stack.compose("up", "--detach", SIDECAR);
      const status = await stack.waitState("bot2", "refused");

      const refused = status.consumers.find(({ service }) => service === "bot2");
      expect(refused?.code).toBe("drop-not-memory");
      const message = `${refused?.reason ?? ""} ${refused?.hint ?? ""}`;
      expect(message).toContain(`docker volume rm ${stack.project}_bot2-secrets`);
      expect(await namesOn(stack, "bot2-secrets")).toEqual([]);

      await stack.compose("up", "--detach", "--no-deps", "bot1");
      await waitUntil("bot1 runs on its key", async () => {
        const { apiKey } = await stack.bot("bot1");
        return apiKey === masked(stack.definition.secrets["BOT1_API_KEY"]!);
      });
      const key = randomValue();
      await stack.bundle.set({ BOT1_API_KEY: key, BOT2_API_KEY: randomValue() });
      await stack.waitLooked();
      await stack.waitState("bot1", "current");
      expect(await stack.file("bot1", "BOT1_API_KEY")).toBe(key);
      expect(await namesOn(stack, "bot2-secrets")).toEqual([]);
      expect((await stack.sidecrypt("status")).code).toBe(5);

      // The mended definition, and the line that the message gave.
      const services = { ...stack.definition.services, bot2: bot("BOT2_API_KEY") };
      await stack.define({ ...stack.definition, services });
      await stack.compose("rm", "--stop", "--force", SIDECAR, "bot2");
      await stack.engine.docker("volume", "rm", `${stack.project}_bot2-secrets`);
      await stack.up();
      await stack.waitCommitted();
      expect(await stack.file("bot1", "BOT1_API_KEY")).toBe(key);
    },
  ));

test("a sidecar scaled to two must deliver nothing while both run, and all once it is one again", () =>
  withStack({ secrets: { BOT1_API_KEY: randomValue() }, services: { bot1: bot("BOT1_API_KEY") } }, async (stack) => {
    await stack.up();
    await stack.waitCommitted();
    const before = await stack.lives();
    const old = await stack.file("bot1", "BOT1_API_KEY");

    await stack.compose("up", "--detach", "--no-recreate", "--scale", `${SIDECAR}=2`, SIDECAR);
    await waitUntil("the second writer is seen", async () => {
      const { consumers } = await statusOfFirst(stack);
      return consumers.some(({ state, code }) => state === "refused" && code === "drop-second-writer");
    });
    const key = randomValue();
    await stack.bundle.set({ BOT1_API_KEY: key });
    const digest = await stack.bundle.digest12();
    await waitUntil("the first has looked", async () => (await statusOfFirst(stack)).bundle.digest12 === digest);
    const second = (await stack.containersOf(SIDECAR)).find(({ Name }) => Name.endsWith("-2"))!;
    await waitUntil("the second has looked, or has given up", async () => {
      const now = (await stack.containersOf(SIDECAR)).find(({ Id }) => Id === second.Id);
      return (
        now?.State.Status === "restarting" ||
        now?.State.Status === "exited" ||
        (await hasLooked(stack, second.Id, digest))
      );
    });

    expect(await stack.lives()).toEqual(before);
    expect(await stack.file("bot1", "BOT1_API_KEY")).toBe(old);
    expect((await statusOfFirst(stack)).consumers).toMatchObject([{ state: "refused", code: "drop-second-writer" }]);

    await stack.compose("up", "--detach", "--no-recreate", "--scale", `${SIDECAR}=1`, SIDECAR);
    await stack.waitCommitted();
    expect(await stack.file("bot1", "BOT1_API_KEY")).toBe(key);
    expect(await stack.bot("bot1")).toMatchObject({ apiKey: masked(key) });
  }));

interface Short {
  readonly bundle: { readonly digest12: string | null };
  readonly consumers: readonly { readonly state: string; readonly code: string | null }[];
}

async function statusOf(stack: Stack, container: string): Promise<Short> {
  const { stdout } = await stack.engine.tryDocker("exec", container, "sidecrypt", "status", "--json");
  return JSON.parse(stdout) as Short;
}

const statusOfFirst = (stack: Stack): Promise<Short> => statusOf(stack, `${stack.project}-${SIDECAR}-1`);

async function hasLooked(stack: Stack, container: string, digest: string): Promise<boolean> {
  return (await statusOf(stack, container)).bundle.digest12 === digest;
}
