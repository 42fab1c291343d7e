/**
 * Is `verify` blind anywhere? Each place of tmpfs-and-leaks.md §1 is planted with each encoding of §1.4, every pair with a
 * value of its own, on a real engine.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateHybridIdentity, generateX25519Identity } from "age-encryption";
import { afterAll, beforeAll, expect, test } from "vitest";
import { privateLinesOf } from "../../../src/cli/key-needles.ts";
import type { VerifyReport } from "../../../src/verify/index.ts";
import type { Rule } from "../../../src/verify/types.ts";
import { must } from "../harness/run.ts";
import { randomValue } from "../harness/values.ts";
import { waitUntil } from "../harness/wait.ts";
import { type Encode, ENCODINGS, OF_BYTES, OF_LINES, OUT_OF_REACH } from "./encodings.ts";
import { LABEL, openProject, type Project } from "./project.ts";

/** Holds what each escape changes. */
const SPECIAL = `<&>"'$%/+`;

/** Where something is planted, and the rule that has to say so. */
const PLACES = {
  "configured environment": "value-in-inspect",
  label: "value-in-inspect",
  "name of a label": "value-in-inspect",
  "health check": "value-in-inspect",
  "output of a health check": "value-in-inspect",
  "container list": "value-in-list",
  arguments: "value-in-arguments",
  "environment of a process": "value-in-process-environment",
  stdout: "value-in-log",
  stderr: "value-in-log",
  "changed file": "value-in-file",
  "mounted file": "value-in-file",
  exec: "value-in-exec",
  event: "value-in-event",
  "environment of an image": "value-in-image",
  "history of an image": "value-in-image",
  "label of a volume": "value-in-volume",
  "label of a network": "value-in-network",
  "driver option of a volume": "value-in-volume",
  "option of a network": "value-in-network",
  "option of the log driver": "value-in-inspect",
  "extra host": "value-in-inspect",
  "Compose's secret with environment": "value-in-file",
  "Compose's config with content": "value-in-file",
} as const satisfies Readonly<Record<string, Rule>>;
type Place = keyof typeof PLACES;

/** What `ps` shows has no line ends, without which a dump is none: the README says so. */
const WITHOUT_LINES: ReadonlySet<Place> = new Set(["arguments", "environment of a process"]);

/** What is configured is text, and so is what a health check says, to Docker. */
const WITH_BYTES: ReadonlySet<Place> = new Set(["stdout", "stderr", "changed file", "mounted file"]);

/** Docker keeps 4,096 bytes of a health check's output: what does not fit is planted in the next one's. */
const OUTPUT_BYTES = 3_500;

interface Plant {
  readonly secret: string;
  readonly values: readonly string[];
  readonly text: string;
}

const plants = new Map<Place, Plant[]>();
const planted = (place: Place): readonly Plant[] => plants.get(place) ?? [];
const texts = (place: Place): string[] => planted(place).map(({ text }) => text);

function sow(encodings: Readonly<Record<string, Encode>>): void {
  for (const place of Object.keys(PLACES) as Place[]) {
    const fit = Object.entries(encodings).filter(([encoding]) => fits(place, encoding));
    const made = fit.map(([encoding, encode]): Plant => {
      const value = randomValue() + SPECIAL;
      return { secret: `${place}: ${encoding}`, values: [value], text: encode(value) };
    });
    add(place, made);
  }
}

/** The engine takes no host with a colon: what it stands before is an address. */
function add(place: Place, made: readonly Plant[]): void {
  const taken = place === "extra host" ? made.filter(({ text }) => !text.includes(":")) : made;
  plants.set(place, [...planted(place), ...taken]);
}

const fits = (place: Place, encoding: string): boolean =>
  !(WITHOUT_LINES.has(place) && OF_LINES.has(encoding)) && (WITH_BYTES.has(place) || !OF_BYTES.has(encoding));

/** What opens the bundle, as `verify` takes it from its files: plain, in JSON and in base64. */
async function sowKeys(): Promise<void> {
  for (const place of Object.keys(PLACES) as Place[]) {
    for (const [encoding, encode] of Object.entries(OF_KEYS)) {
      const file = join(directory, "ssh");
      await must("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
      const ssh = await readFile(file, "utf8");
      for (const path of [file, `${file}.pub`]) await rm(path);
      const made: readonly (readonly [string, readonly string[], string])[] = [
        ...[await generateX25519Identity(), await generateHybridIdentity()].map(
          (identity, at) => [["age identity", "post-quantum identity"][at] ?? "", [identity], identity] as const,
        ),
        ["SSH key", privateLinesOf(ssh), ssh],
      ];
      const added = made.map(([name, values, text]): Plant => {
        return { secret: `${place}: ${name}, ${encoding}`, values, text: encode(text) };
      });
      add(place, added);
    }
  }
}

const OF_KEYS: Readonly<Record<string, Encode>> = {
  JSON: (text) => JSON.stringify({ key: text }),
  base64: (text) => Buffer.from(`:${text}`).toString("base64"),
};

let project: Project;
let directory: string;

beforeAll(async () => {
  project = await openProject();
  directory = await mkdtemp(join(tmpdir(), "sc-leaks-"));
});

afterAll(async () => {
  const { engine, name } = project;
  await project.close();
  await engine.tryDocker("rm", "--force", `${name}-injected-1`);
  await engine.tryDocker("volume", "rm", name, `${name}-options`);
  await engine.tryDocker("network", "rm", name);
  await engine.tryDocker("rmi", "--force", name);
  await rm(directory, { recursive: true, force: true });
});

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
const numbered = (all: readonly string[]): Record<string, string> =>
  Object.fromEntries(all.map((text, index) => [`planted.${index}`, text]));

async function plantFiles(): Promise<void> {
  const exports = texts("environment of a process").map((text, index) => `export P${index}=${quoted(text)}`);
  await mkdir(join(directory, "plant"));
  const write = (name: string, lines: readonly string[]): Promise<void> =>
    writeFile(join(directory, "plant", name), `${lines.join("\n")}\n`);
  await write("out", texts("stdout"));
  await write("err", texts("stderr"));
  await write("file", texts("changed file"));
  await write("env.sh", exports);
  await writeFile(join(directory, "mounted"), texts("mounted file").join("\n"));
  for (const [index, lines] of inParts(texts("output of a health check")).entries())
    await write(`health${index}`, lines);
}

function inParts(lines: readonly string[]): string[][] {
  const parts: string[][] = [[]];
  let size = 0;
  for (const line of lines) {
    size += line.length + 1;
    if (size > OUTPUT_BYTES) {
      parts.push([]);
      size = line.length + 1;
    }
    parts.at(-1)?.push(line);
  }
  return parts;
}

async function plantImage(): Promise<void> {
  const { engine, name } = project;
  const dockerfile = [
    "FROM sidecrypt-bot",
    ...texts("environment of an image").map(
      (text, index) => `ENV P${index}=${JSON.stringify(text).replaceAll("$", "\\$")}`,
    ),
    ...texts("history of an image").map((_, index) => `ARG A${index}`),
    "RUN true",
  ].join("\n");
  await writeFile(join(directory, "Dockerfile"), dockerfile);
  const args = texts("history of an image").flatMap((text, index) => ["--build-arg", `A${index}=${text}`]);
  const env = { ...engine.env, DOCKER_BUILDKIT: "0" };
  await mkdir(join(directory, "empty"));
  const file = ["--file", join(directory, "Dockerfile"), join(directory, "empty")];
  await must("docker", ["build", "--quiet", "--tag", name, ...args, ...file], { env });
}

/** Nothing of it is ever mounted or started: no driver would take it. */
async function plantOptions(): Promise<void> {
  const { engine, name } = project;
  const [Name, joined] = [`${name}-options`, texts("driver option of a volume").join("\n")];
  const options = ["type=tmpfs", "device=tmpfs", `o=${joined}`].flatMap((one) => ["--opt", one]);
  await engine.docker("volume", "create", "--label", `${LABEL}=${name}`, ...options, Name);
  const HostConfig = {
    NetworkMode: "none",
    LogConfig: { Type: "json-file", Config: { tag: texts("option of the log driver").join("\n") } },
    ExtraHosts: texts("extra host").map((text) => `${text}:127.0.0.1`),
  };
  await project.create("options", { Image: "sidecrypt-bot", HostConfig });
}

/** It copies both into the container's own layer (tmpfs-and-leaks.md §1.3). */
async function plantByCompose(): Promise<void> {
  const content = texts("Compose's config with content").join("\n").replaceAll("$", "$$$$");
  const model = {
    services: {
      injected: {
        ...{ image: "sidecrypt-bot", entrypoint: ["sleep", "1000"], network_mode: "none" },
        ...{ secrets: ["planted"], configs: ["planted"] },
      },
    },
    secrets: { planted: { environment: "PLANTED" } },
    configs: { planted: { content } },
  };
  const file = join(directory, "compose.json");
  await writeFile(file, JSON.stringify(model));
  const { engine, name } = project;
  const env = { ...engine.env, PLANTED: texts("Compose's secret with environment").join("\n") };
  await must("docker", ["compose", "--project-name", name, "--file", file, "up", "--detach"], { env });
}

async function plantAll(): Promise<void> {
  const { engine, evidence, name } = project;
  await plantFiles();
  await plantImage();
  const listed = (place: Place, flag = "--label"): string[] =>
    texts(place).flatMap((text, index) => [flag, `planted.${index}=${text}`]);
  await engine.docker("volume", "create", "--label", `${LABEL}=${name}`, ...listed("label of a volume"), name);
  await engine.docker(
    "network",
    "create",
    "--label",
    `${LABEL}=${name}`,
    ...listed("label of a network"),
    ...listed("option of a network", "--opt"),
    name,
  );
  await plantOptions();
  await plantByCompose();
  const binds = [`${directory}/plant:/plant:ro`];
  const script = ". /plant/env.sh; cat /plant/out; cat /plant/err >&2; cp /plant/file /kept; exec sleep 1000";
  const main = await project.run("main", {
    Image: name,
    User: "0",
    Entrypoint: ["sh", "-c", script, "sh"],
    Env: texts("configured environment").map((text, index) => `P${index}=${text}`),
    Labels: {
      ...numbered(texts("label")),
      ...Object.fromEntries(texts("name of a label").map((text) => [text, ""])),
    },
    // Not to run here: each run is three of the 256 events that the engine remembers.
    Healthcheck: { Test: ["CMD", "true", ...texts("health check")], Interval: 3_600e9 },
    HostConfig: { NetworkMode: name, Binds: [...binds, `${directory}/mounted:/mounted:ro`, `${name}:/data`] },
  });
  // Arguments of a process and of the list are one text: a container for each.
  for (const place of ["arguments", "container list"] as const) {
    const Entrypoint = ["sh", "-c", "while :; do sleep 1000; done", "sh"];
    await project.run(place.replace(" ", "-"), {
      Image: "sidecrypt-bot",
      Entrypoint,
      Cmd: texts(place),
      HostConfig: { NetworkMode: "none" },
    });
  }
  for (const [index] of inParts(texts("output of a health check")).entries()) {
    const id = await project.run(`health${index}`, {
      Image: "sidecrypt-bot",
      Entrypoint: ["sleep", "1000"],
      Healthcheck: { Test: ["CMD", "cat", `/plant/health${index}`], Interval: 1e9 },
      HostConfig: { NetworkMode: "none", Binds: binds },
    });
    await waitUntil("the health check has spoken", async () => {
      const state = (await evidence.container(id))?.["State"] as { Health?: { Log?: unknown[] } };
      return (state.Health?.Log ?? []).length > 0;
    });
    await engine.docker("kill", id);
  }
  for (const place of ["exec", "event"] as const) {
    await engine.docker("exec", "--detach", main, "sh", "-c", "sleep 1000", "sh", ...texts(place));
  }
  await waitUntil(
    "it has said everything",
    async () => (await engine.logs(main)).split("\n").length > texts("stdout").length * 2,
  );
}

/** Some places show what others were planted with: each is looked for where it was planted. */
function foundIn(report: VerifyReport, place: Place): Set<string> {
  const rule: Rule = PLACES[place];
  return new Set(report.findings.filter((one) => one.rule === rule).map(({ secret }) => secret ?? ""));
}

test("every value must be found in every place and in every encoding that the README promises", async () => {
  sow(ENCODINGS);
  await sowKeys();
  await plantAll();
  const all = [...plants.values()].flat();
  const report = await project.verify(
    all.flatMap(({ secret, values }) => values.map((value) => ({ name: secret, value: Buffer.from(value) }))),
  );

  const missed = (Object.keys(PLACES) as Place[]).flatMap((place) => {
    const found = foundIn(report, place);
    return planted(place)
      .filter(({ secret }) => !found.has(secret))
      .map(({ secret }) => secret);
  });
  process.stdout.write(
    `verify: ${all.length - missed.length} of ${all.length} planted leaks found ` +
      `(${Object.keys(PLACES).length} places, ${Object.keys(ENCODINGS).length} encodings, and keys)\n`,
  );
  expect(missed).toEqual([]);
  expect(report.verdict).toBe("leak");
  expect(report.selfTest?.missed).toEqual([]);
  const text = JSON.stringify(report);
  expect(all.filter(({ values, text: made }) => [...values, made].some((one) => text.includes(one)))).toEqual([]);
});

test("what the README's table names as out of reach must not be found, or be promised", async () => {
  const made = Object.entries(OUT_OF_REACH).map(([name, encode]) => ({ name, value: randomValue() + SPECIAL, encode }));
  await project.run("beyond", {
    Image: "sidecrypt-bot",
    Entrypoint: ["sleep", "1000"],
    // What `ps` prints of an environment is in one line.
    Labels: numbered(made.map(({ value, encode }) => encode(value))),
    HostConfig: { NetworkMode: "none" },
  });
  const report = await project.verify(made.map(({ name, value }) => ({ name, value: Buffer.from(value) })));
  // The keys of the test before are found by their shape.
  const found = report.findings.filter(({ severity, secret }) => severity === "leak" && secret !== null);
  expect(found).toEqual([]);
});
