/** No value stands anywhere but on its drop. */
import { expect, onTestFinished, test } from "vitest";
import { useStack } from "./harness/fixture.ts";
import { bot, redis } from "./harness/model.ts";
import { run } from "./harness/run.ts";
import { type Finding, search, searchDisk } from "./harness/search.ts";
import { SIDECAR, type Stack } from "./harness/stack.ts";
import { badKey, randomValue } from "./harness/values.ts";

const since = new Date();

const stackOf = useStack({
  secrets: { BOT1_API_KEY: randomValue(), BOT2_API_KEY: randomValue(), REDIS_PASSWORD: randomValue() },
  services: {
    redis: redis(),
    bot1: bot("BOT1_API_KEY", { redis: true }),
    bot2: bot("BOT2_API_KEY", { redis: true }),
  },
});

/** A container, an image, a volume and a network that hold a value in every place that is searched. */
async function plant(stack: Stack, value: string): Promise<string> {
  const name = `${stack.project}-planted`;
  onTestFinished(async () => {
    await stack.engine.tryDocker("rm", "--force", name);
    await stack.engine.tryDocker("rmi", "--force", name);
    await stack.engine.tryDocker("volume", "rm", name);
    await stack.engine.tryDocker("network", "rm", name);
  });
  const input = `FROM sidecrypt-bot\nUSER root\nRUN echo ${value} > /planted\nLABEL planted=${value}\n`;
  const built = await run("docker", ["build", "--tag", name, "-"], { env: stack.engine.env, input });
  expect(built.code).toBe(0);
  const label = `com.docker.compose.project=${stack.project}`;
  const script = "echo $PLANTED; mkdir /kept; echo $PLANTED > /kept/file; exec sleep infinity";
  await stack.engine.docker(
    ...["run", "--detach", "--init", "--name", name, "--label", label, "--env", `PLANTED=${value}`],
    ...[name, "sh", "-c", script],
  );
  for (const kind of ["volume", "network"]) await stack.engine.docker(kind, "create", "--label", `l=${value}`, name);
  await stack.engine.docker("exec", "--detach", name, "sh", "-c", "sleep 1000", "sh", value);
  return name;
}

/** By Docker's own list, each of the project's. */
async function namesOf(stack: Stack, kind: "volume" | "network"): Promise<string[]> {
  const filter = `label=com.docker.compose.project=${stack.project}`;
  const listed = await stack.engine.docker(kind, "ls", "--filter", filter, "--format", "{{.Name}}");
  return listed.split("\n").filter((name) => name !== "");
}

/** Every value that the stack has had: through a roll, a rolled-back one and a refused bundle. */
async function live(stack: Stack): Promise<Record<string, string>> {
  const values: Record<string, string> = { ...stack.definition.secrets };
  values["REDIS_PASSWORD second"] = randomValue();
  await stack.bundle.set({ REDIS_PASSWORD: values["REDIS_PASSWORD second"] });
  await stack.waitCommitted();
  values["BOT1_API_KEY bad"] = badKey();
  await stack.bundle.set({ BOT1_API_KEY: values["BOT1_API_KEY bad"] });
  await stack.waitLooked();
  await stack.waitState("bot1", "quarantined");
  values["a forger's"] = randomValue();
  const good = await stack.bundle.bytes();
  await stack.bundle.replace(`FORGED=${values["a forger's"]}\n${Buffer.from(good).toString()}`);
  await stack.waitLooked();
  for (const [index, key] of (await stack.bundle.keys()).entries()) values[`age key ${index + 1}`] = key;
  return values;
}

test("no value must be found in inspect, environments, exec instances, volumes, networks, logs, events, the state, the image, /run or on the engine's disk, by a search that finds a planted one", async () => {
  const stack = stackOf();
  const values = await live(stack);
  const planted = randomValue();
  const image = await plant(stack, planted);
  const containers = (await stack.containers()).map((one) => one.Name.slice(1));
  expect(containers).toHaveLength(5);
  const [volumes, networks] = [await namesOf(stack, "volume"), await namesOf(stack, "network")];
  expect([volumes.length, networks.length]).toEqual([3, 1]);

  const findings = await search(
    { ...values, planted },
    {
      engine: stack.engine,
      containers,
      images: ["sidecrypt", image],
      volumes: [...volumes, image],
      networks: [...networks, image],
      directories: [`${stack.project}-${SIDECAR}-1:/state`, `${image}:/kept`],
      since,
    },
  );

  const onDisk = await searchDisk({ ...values, planted }, stack.engine, since);

  expect([...findings, ...onDisk].filter(({ name }) => name !== "planted")).toEqual([]);
  // The layer of the image, the container's own, its log, and what the engine keeps of both.
  expect(onDisk.length).toBeGreaterThanOrEqual(4);
  // What the runtime has of a container that runs, its environment among it.
  expect(onDisk.map(({ place }) => place)).toContainEqual(expect.stringMatching(/^\/run\//));
  const places = findings.filter(({ name }) => name === "planted").map(({ place }: Finding) => place);
  expect(places.sort()).toEqual(
    [
      `environment ${image}`,
      `exec in ${image}`,
      `files ${image}:/kept`,
      `image ${image}`,
      `image ${image} history`,
      `image ${image} inspect`,
      `inspect ${image}`,
      `logs ${image}`,
      `network ${image}`,
      `processes ${image}`,
      `volume ${image}`,
      "events",
      "the list: network ls --no-trunc --format {{json .}}",
      "the list: volume ls --format {{json .}}",
      "the list: ps --all --no-trunc --format {{json .}}",
    ].sort(),
  );
});
