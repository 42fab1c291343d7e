/** The README's own commands, in its order: from an env file to a running stack, a new key, other options, and back. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { createBundle, generateIdentity } from "../../src/bundle/index.ts";
import { findSops } from "../bundle/sops.ts";
import { run, type Ran } from "./harness/run.ts";
import { SIDECAR, Stack } from "./harness/stack.ts";
import { randomValue } from "./harness/values.ts";
import { waitUntil } from "./harness/wait.ts";

const README = await readFile(join(import.meta.dirname, "../../README.md"), "utf8");
const SOPS = findSops();

/** The shell blocks below a heading, the indented ones of a list too. */
function commands(heading: string): string[] {
  const below = README.split(`\n## ${heading}\n`)[1]?.split(/\n## /)[0] ?? "";
  const blocks = [...below.matchAll(/^( *)```sh\n([\s\S]*?)^\1```$/gm)];
  return blocks.map(([, indent = "", code = ""]) => code.replaceAll(new RegExp(`^${indent}`, "gm"), ""));
}

function command(heading: string, start: string): string {
  const found = commands(heading).find((block) => block.startsWith(start));
  if (found === undefined) throw new Error(`the README has no command "${start}" under "${heading}"`);
  return found;
}

// ------------------------------------------------------------------------------------------- the stack

/** It has nothing to do, so that the file or the environment is all there is to it. */
const idle = (asks: string) => ({
  image: "sidecrypt-bot",
  command: ["sleep", "infinity"],
  init: true,
  healthcheck: { disable: true },
  labels: { "sidecrypt.secrets": asks },
});

const values = { BOT1_API_KEY: randomValue(), REDIS_PASSWORD: randomValue() };
let stack: Stack;
let home: string;
let environment: Record<string, string>;

beforeAll(async () => {
  stack = await Stack.create({
    secrets: values,
    services: { bot1: idle("BOT1_*"), redis: idle("REDIS_PASSWORD") },
    // As the README has it: a volume.
    state: "sidecrypt-state",
  });
  home = await mkdtemp(join(stack.directory, "home-"));
  // The README makes them.
  await rm(stack.bundle.directory, { recursive: true });
  await rm(stack.bundle.keyFile);
  const env = [`BOT1_API_KEY="${values.BOT1_API_KEY}"`, `REDIS_PASSWORD=${values.REDIS_PASSWORD}`];
  await writeFile(join(stack.directory, ".env"), `${env.join("\n")}\n`);
  environment = { ...stack.engine.env, COMPOSE_PROJECT_NAME: stack.project, COMPOSE_ANSI: "never" };
});

afterAll(() => stack.down());

/** As somebody types it, with what stands there for his own replaced. */
async function shell(text: string, variables: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const script = `set -euo pipefail\npass() { printf %s "$NEW_VALUE"; }\n${text.replaceAll("PROJECT_", `${stack.project}_`)}`;
  const env = { ...environment, ...variables };
  const ran = await run("bash", ["-c", script], { cwd: stack.directory, env });
  if (ran.code !== 0) throw new Error(`${text}: exit status ${ran.code}\n${ran.stdout}${ran.stderr}`);
  return ran;
}

async function edit(change: (file: ComposeFile) => void): Promise<void> {
  const file = parse(await readFile(join(stack.directory, "compose.yaml"), "utf8")) as ComposeFile;
  change(file);
  await stack.writeComposeFile(stringify(file));
}

interface ComposeFile {
  services: Record<
    string,
    {
      labels?: Record<string, string>;
      volumes?: string[];
      depends_on?: Record<string, unknown>;
      env_file?: string;
    }
  >;
  volumes: Record<string, { driver_opts?: { o: string } }>;
}

function healthy(): Promise<unknown> {
  return waitUntil("status says that all is well", async () => {
    const { code, stdout } = await stack.sidecrypt("status");
    return code === 0 && stdout.startsWith("all well: 2 consumers are current");
  });
}

async function volumes(): Promise<string> {
  return stack.engine.docker("volume", "ls", "--quiet", "--filter", `name=${stack.project}`);
}

// ------------------------------------------------------------------------------------------- in order

const START = "Start in your own stack";
const LEAVE = "How to leave again";

test("keygen must make a key that only its owner reads, and print the public one", async () => {
  const ran = await shell(command(START, "docker run --rm -v"));
  const key = /public key: (age1\w+)/.exec(ran.stderr)?.[1] ?? "";
  expect(ran.stdout).toBe("");
  expect((await stat(join(stack.directory, "age.key"))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(stack.directory, ".gitignore"), "utf8")).toContain("age.key\n.env\n");

  const yours = await generateIdentity();
  await writeFile(join(home, "keys.txt"), yours.identity, { mode: 0o600 });
  environment["SOPS_AGE_KEY_FILE"] = join(home, "keys.txt");
  environment["SERVER_PUBLIC_KEY"] = key;
  environment["YOUR_PUBLIC_KEY"] = yours.recipient;
});

test("sops encrypt must make a bundle that check opens, names alone being printed", async () => {
  const encrypt = command(START, "mkdir -p secrets");
  if (SOPS === null) await encryptWithout(encrypt);
  else await shell(`PATH=${dirname(SOPS)}:$PATH\n${encrypt}`);

  const { stdout, stderr } = await shell(command(START, 'docker run --rm -v "$PWD/secrets:/bundle:ro"'));
  expect(stdout).toBe(
    "/bundle/secrets.enc.env: dotenv, 2 secrets, 2 recipients, MAC verified\nBOT1_API_KEY\nREDIS_PASSWORD\n",
  );
  expect(stderr).toBe("");
});

/** Where there is no sops on the machine: what it would have written. */
async function encryptWithout(block: string): Promise<void> {
  await shell(block.split("\n")[0] ?? "");
  const recipients = [environment["SERVER_PUBLIC_KEY"] ?? "", environment["YOUR_PUBLIC_KEY"] ?? ""];
  const entries = [
    ["BOT1_API_KEY", Buffer.from(`"${values.BOT1_API_KEY}"`)],
    ["REDIS_PASSWORD", Buffer.from(values.REDIS_PASSWORD)],
  ] as const;
  const bytes = await createBundle(
    recipients,
    entries.map(([name, value]) => [name, value]),
    new Date(),
  );
  await writeFile(join(stack.directory, "secrets/secrets.enc.env"), bytes);
}

test("docker compose up must bring the stack up, each consumer with its files", async () => {
  await shell(command(START, "docker compose up -d"));
  await healthy();
  expect(await stack.file("bot1", "BOT1_API_KEY")).toBe(values.BOT1_API_KEY);
  expect(await stack.file("redis", "REDIS_PASSWORD")).toBe(values.REDIS_PASSWORD);
});

test("sidecrypt set, out of the image, must rotate a key", async () => {
  const key = randomValue();
  await shell(command("Rotate a key", "pass show"), { NEW_VALUE: key });
  values.BOT1_API_KEY = key;
  await waitUntil("bot1 has the new key", async () => (await stack.file("bot1", "BOT1_API_KEY")) === key);
  await healthy();
}, 60_000);

test("new options of a volume must count once it is removed, as the README removes it", async () => {
  await edit(({ volumes: all }) => {
    const options = all["bot1-secrets"]?.driver_opts;
    if (options !== undefined) options.o = options.o.replace("size=1m", "size=2m");
  });
  await shell(command("Who can read", "docker compose rm --stop --force bot1 secrets"));
  await healthy();
  expect((await stack.exec("bot1", "cat", "/proc/mounts")).stdout).toMatch(/ \/run\/secrets tmpfs \S*size=2048k/);
});

test("leaving must give every service its environment back, and end without a trace", async () => {
  await rm(join(stack.directory, ".env"));
  if (SOPS === null) await writeFile(join(stack.directory, ".env"), plaintext());
  else await shell(`PATH=${dirname(SOPS)}:$PATH\n${command(LEAVE, "sops decrypt")}`);

  await edit(({ services }) => {
    for (const service of [services["bot1"], services["redis"]]) {
      if (service === undefined) throw new Error("a service is gone");
      service.env_file = ".env";
      delete service.labels;
      delete service.volumes;
      delete service.depends_on;
    }
  });
  await shell(command(LEAVE, "docker compose up -d"));
  const left = await stack.ids();
  expect((await stack.inspect("bot1")).Config.Env).toContain(`BOT1_API_KEY=${values.BOT1_API_KEY}`);
  expect((await stack.inspect("redis")).Config.Env).toContain(`REDIS_PASSWORD=${values.REDIS_PASSWORD}`);
  expect((await stack.inspect("bot1")).Mounts).toEqual([]);

  await shell(command(LEAVE, "docker compose rm"));
  expect(await stack.containersOf(SIDECAR)).toEqual([]);

  await edit((file) => {
    file.services = Object.fromEntries(Object.entries(file.services).filter(([name]) => name !== SIDECAR));
    file.volumes = {};
  });
  await shell(command(LEAVE, "docker volume rm"));
  expect(await volumes()).toBe("");

  await stack.compose("up", "--detach");
  expect(await stack.ids()).toEqual(left);
  expect(Object.values(await stack.containers()).map(({ State }) => State.Status)).toEqual(["running", "running"]);
});

function plaintext(): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
