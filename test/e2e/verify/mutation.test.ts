/**
 * Is `verify` blind anywhere? Each place of tmpfs-and-leaks.md §1 is planted with each encoding of §1.4, every pair with a
 * value of its own, on a real engine; and a large corpus without a leak is searched for many weak values.
 */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { connectEngine } from "../../../src/docker/engine.ts";
import { type Evidence, openEvidence } from "../../../src/docker/evidence.ts";
import type { DockerPort } from "../../../src/docker/port.ts";
import { runVerify, type VerifyReport } from "../../../src/verify/index.ts";
import type { Rule } from "../../../src/verify/types.ts";
import { type Engine, mainEngine } from "../harness/engine.ts";
import { must } from "../harness/run.ts";
import { randomValue } from "../harness/values.ts";
import { waitUntil } from "../harness/wait.ts";
import { type Encode, ENCODINGS, OF_LINES, OUT_OF_REACH } from "./encodings.ts";

const PROJECT = `sc-leaks-${randomBytes(4).toString("hex")}`;
const LABEL = "com.docker.compose.project";
/** Holds what each escape changes. */
const SPECIAL = `<&>"'$%/+`;
/** Megabytes of text that nobody here wrote. */
const CORPUS = fileURLToPath(new URL("../../../node_modules/typescript/lib", import.meta.url));
const PATIENCE = { clock: systemClock, callTimeout: 60_000 };

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
} as const satisfies Readonly<Record<string, Rule>>;
type Place = keyof typeof PLACES;

/** What `ps` shows has no line ends, without which a dump is none: the README says so. */
const WITHOUT_LINES: ReadonlySet<Place> = new Set(["arguments", "environment of a process"]);

/** Docker keeps 4,096 bytes of a health check's output: what does not fit is planted in the next one's. */
const OUTPUT_BYTES = 3_500;

interface Plant {
  readonly secret: string;
  readonly value: string;
  readonly text: string;
}

const plants = new Map<Place, Plant[]>();
const planted = (place: Place): readonly Plant[] => plants.get(place) ?? [];
const texts = (place: Place): string[] => planted(place).map(({ text }) => text);

function sow(encodings: Readonly<Record<string, Encode>>): void {
  for (const place of Object.keys(PLACES) as Place[]) {
    const fit = Object.entries(encodings).filter(([encoding]) => !(WITHOUT_LINES.has(place) && OF_LINES.has(encoding)));
    const made = fit.map(([encoding, encode]): Plant => {
      const value = randomValue() + SPECIAL;
      return { secret: `${place}: ${encoding}`, value, text: encode(value) };
    });
    plants.set(place, [...planted(place), ...made]);
  }
}

let engine: Engine;
let docker: DockerPort;
let evidence: Evidence;
let directory: string;
const containers: string[] = [];

beforeAll(async () => {
  engine = await mainEngine();
  docker = await connectEngine(engine.socket, PATIENCE);
  evidence = openEvidence(engine.socket, docker.apiVersion, PATIENCE);
  directory = await mkdtemp(join(tmpdir(), "sc-leaks-"));
});

afterAll(async () => {
  for (const id of containers) await engine.tryDocker("rm", "--force", "--volumes", id);
  await engine.tryDocker("volume", "rm", PROJECT);
  await engine.tryDocker("network", "rm", PROJECT);
  await engine.tryDocker("rmi", "--force", PROJECT);
  await rm(directory, { recursive: true, force: true });
});

async function run(service: string, body: Readonly<Record<string, unknown>>): Promise<string> {
  const labels = { [LABEL]: PROJECT, "com.docker.compose.service": service, ...(body["Labels"] as object | undefined) };
  const id = await docker.create(`${PROJECT}-${service}`, { body: { ...body, Labels: labels }, connect: [] });
  containers.push(id);
  await docker.start(id);
  return id;
}

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
  await must("docker", ["build", "--quiet", "--tag", PROJECT, ...args, ...file], { env });
}

async function plantAll(): Promise<void> {
  await plantFiles();
  await plantImage();
  const labelled = (place: Place): string[] =>
    texts(place).flatMap((text, index) => ["--label", `planted.${index}=${text}`]);
  await engine.docker("volume", "create", "--label", `${LABEL}=${PROJECT}`, ...labelled("label of a volume"), PROJECT);
  await engine.docker(
    "network",
    "create",
    "--label",
    `${LABEL}=${PROJECT}`,
    ...labelled("label of a network"),
    PROJECT,
  );
  const binds = [`${directory}/plant:/plant:ro`];
  const script = ". /plant/env.sh; cat /plant/out; cat /plant/err >&2; cp /plant/file /kept; exec sleep 1000";
  const main = await run("main", {
    Image: PROJECT,
    User: "0",
    Entrypoint: ["sh", "-c", script, "sh"],
    Env: texts("configured environment").map((text, index) => `P${index}=${text}`),
    Labels: {
      ...numbered(texts("label")),
      ...Object.fromEntries(texts("name of a label").map((text) => [text, ""])),
    },
    // Not to run here: each run is three of the 256 events that the engine remembers.
    Healthcheck: { Test: ["CMD", "true", ...texts("health check")], Interval: 3_600e9 },
    HostConfig: { NetworkMode: PROJECT, Binds: [...binds, `${directory}/mounted:/mounted:ro`, `${PROJECT}:/data`] },
  });
  // Arguments of a process and of the list are one text: a container for each.
  for (const place of ["arguments", "container list"] as const) {
    const Entrypoint = ["sh", "-c", "while :; do sleep 1000; done", "sh"];
    await run(place.replace(" ", "-"), {
      Image: "sidecrypt-bot",
      Entrypoint,
      Cmd: texts(place),
      HostConfig: { NetworkMode: "none" },
    });
  }
  for (const [index] of inParts(texts("output of a health check")).entries()) {
    const id = await run(`health${index}`, {
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

const verify = (needles: readonly { name: string; value: Uint8Array }[]): Promise<VerifyReport> =>
  runVerify(
    { docker, evidence, clock: systemClock },
    {
      version: "0.0.0",
      project: PROJECT,
      needles,
      beside: null,
      image: "sidecrypt",
      keyFiles: ["/run/age.key"],
      strict: false,
      watch: 0,
    },
  );

/** Some places show what others were planted with: each is looked for where it was planted. */
function foundIn(report: VerifyReport, place: Place): Set<string> {
  const rule: Rule = PLACES[place];
  return new Set(report.findings.filter((one) => one.rule === rule).map(({ secret }) => secret ?? ""));
}

test("every value must be found in every place and in every encoding that the README promises", async () => {
  sow(ENCODINGS);
  await plantAll();
  const all = [...plants.values()].flat();
  const report = await verify(all.map(({ secret, value }) => ({ name: secret, value: Buffer.from(value) })));

  const missed = (Object.keys(PLACES) as Place[]).flatMap((place) => {
    const found = foundIn(report, place);
    return planted(place)
      .filter(({ secret }) => !found.has(secret))
      .map(({ secret }) => secret);
  });
  process.stdout.write(
    `verify: ${all.length - missed.length} of ${all.length} planted leaks found ` +
      `(${Object.keys(PLACES).length} places, ${Object.keys(ENCODINGS).length} encodings)\n`,
  );
  expect(missed).toEqual([]);
  expect(report.verdict).toBe("leak");
  expect(report.selfTest?.missed).toEqual([]);
  const text = JSON.stringify(report);
  expect(all.filter(({ value, text: encoded }) => text.includes(value) || text.includes(encoded))).toEqual([]);
});

test("what the README names as out of reach must not be found, or be promised", async () => {
  const made = Object.entries(OUT_OF_REACH).map(([name, encode]) => ({ name, value: randomValue() + SPECIAL, encode }));
  await run("beyond", {
    Image: "sidecrypt-bot",
    Entrypoint: ["sleep", "1000"],
    Env: made.map(({ value, encode }, index) => `P${index}=${encode(value)}`),
    HostConfig: { NetworkMode: "none" },
  });
  const report = await verify(made.map(({ name, value }) => ({ name, value: Buffer.from(value) })));
  expect(report.findings.filter(({ severity }) => severity === "leak")).toEqual([]);
});

/** §1.4: found with no leak at all by a search that knows no better. */
const WORDS = "true false bot info production test default local 8080 bridge json-file sleep".split(" ");
const ALPHABETS = { digits: "0123456789", hex: "0123456789abcdef", lower: "abcdefghijklmnopqrstuvwxyz" };

function random(alphabet: string, length: number): string {
  return [...randomBytes(length)].map((byte) => alphabet[byte % alphabet.length]).join("");
}

test("a large clean corpus must give no false alarm, with words and short values among those that are searched for", async () => {
  const id = await run("corpus", {
    Image: "sidecrypt-bot",
    Entrypoint: ["sh", "-c", "cat /corpus/lib*.d.ts /corpus/_tsc.js; ls -lR /usr; exec sleep 1000"],
    Env: ["MODE=production", "LOG=info", "PORT=8080", "DEBUG=false", "LIMIT=1000"],
    HostConfig: { NetworkMode: "none", Binds: [`${CORPUS}:/corpus:ro`] },
  });
  await waitUntil("the corpus stands in the log", async () =>
    (await evidence.top(id, "ww")).rows.some((row) => row.at(-1)?.startsWith("sleep")),
  );
  const weak = Object.entries(ALPHABETS).flatMap(([name, alphabet]) =>
    [3, 4, 5, 6, 8].flatMap((length) =>
      Array.from({ length: 40 }, (_, index) => ({
        name: `${name} ${length} ${index}`,
        value: random(alphabet, length),
      })),
    ),
  );
  const strong = Array.from({ length: 100 }, (_, index) => ({ name: `strong ${index}`, value: randomValue() }));
  const words = WORDS.map((value) => ({ name: `word ${value}`, value }));
  const report = await verify(
    [...weak, ...strong, ...words].map(({ name, value }) => ({ name, value: Buffer.from(value) })),
  );

  expect(report.findings.filter(({ severity }) => severity === "leak")).toEqual([]);
  expect(report.looked.logBytes).toBeGreaterThan(1_000_000);
  const listed = new Set([...report.unchecked, ...report.weak].map(({ name }) => name));
  expect(words.filter(({ name }) => !listed.has(name))).toEqual([]);
  process.stdout.write(
    `verify: no false alarm in ${Math.round(report.looked.logBytes / 2 ** 20)} MiB of logs with ${weak.length + words.length} weak values, ` +
      `${report.unchecked.length} of them listed as not searched for\n`,
  );
});
