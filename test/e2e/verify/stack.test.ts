/** `sidecrypt verify` on real stacks: what is clean, what has to be mended, what is declared, and what is not complete. */
import { symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { connectEngine } from "../../../src/docker/engine.ts";
import { type Evidence, openEvidence } from "../../../src/docker/evidence.ts";
import { runVerify, VERDICT_EXIT, type VerifyReport } from "../../../src/verify/index.ts";
import { verdictOf } from "../../../src/verify/types.ts";
import { useStack } from "../harness/fixture.ts";
import type { Definition } from "../harness/model.ts";
import { composed } from "../harness/shell.ts";
import type { Stack } from "../harness/stack.ts";
import { randomValue } from "../harness/values.ts";

const KEY = randomValue();
const OTHER = randomValue();

/** A loop of the shell that keeps its key to itself; or one that has it in its environment, as some images need it. */
function reader(
  key: string,
  {
    labels,
    exports = false,
    ...options
  }: Partial<Definition> & { labels?: Readonly<Record<string, string>>; exports?: boolean } = {},
): Definition {
  const loop = "while :; do sleep 1000 & wait $!; done";
  const script = exports ? `export ${key}=$(cat /run/secrets/${key}); exec sh -c '${loop}'` : loop;
  return {
    image: "sidecrypt-bot",
    entrypoint: ["sh", "-c", composed(script)],
    command: [],
    labels: { "sidecrypt.secrets": key, ...labels },
    healthcheck: { disable: true },
    drop: { gid: 1000 },
    ...options,
  };
}

const stackOf = useStack({
  secrets: { BOT1_API_KEY: KEY, BOT2_API_KEY: OTHER, PIN: "4711", MODE: "production" },
  services: {
    bot1: reader("BOT1_API_KEY", { labels: { "sidecrypt.env": "allowed" }, exports: true }),
    bot2: reader("BOT2_API_KEY", { volumes: ["./secrets:/data:ro", "kept:/kept"], tmpfs: ["/scratch"] }),
  },
  volumes: { kept: {} },
});

async function verify(stack: Stack, ...flags: readonly string[]): Promise<VerifyReport> {
  const { code, stdout, stderr } = await stack.sidecrypt("verify", "--json", ...flags);
  if (!stdout.startsWith("{")) throw new Error(stderr);
  const report = JSON.parse(stdout) as VerifyReport;
  expect(code).toBe(VERDICT_EXIT[report.verdict]);
  for (const value of [KEY, OTHER]) expect(stdout + stderr).not.toContain(value);
  return report;
}

test("a stack in which every value is only where it belongs must be clean, with what was looked at and what was not", async () => {
  const report = await verify(stackOf());

  expect(report.findings.filter(({ severity }) => severity === "leak" || severity === "misconfigured")).toEqual([]);
  expect(report.gaps).toEqual([]);
  expect(report.selfTest?.missed).toEqual([]);
  expect(report.selfTest?.planted).toBeGreaterThan(10);
  expect(report.verdict).toBe("clean");
  expect(report.looked).toMatchObject({ secrets: 5, containers: 3 });
  expect(report.unchecked.map(({ name }) => name).toSorted()).toEqual(["MODE", "PIN"]);
  const declared = report.findings.filter(({ severity }) => severity === "declared");
  expect(declared.length).toBeGreaterThan(0);
  expect(new Set(declared.map(({ rule, secret }) => `${rule} ${secret ?? ""}`))).toEqual(
    new Set(["value-in-process-environment BOT1_API_KEY"]),
  );
});

test("what no look reads must be named with who has it, and a drop must not be", async () => {
  const stack = stackOf();
  const { limits } = await verify(stack);
  const why = "it is read by no look (bot2)";
  expect(limits).toEqual(
    expect.arrayContaining([
      { subject: `${stack.project}_kept`, what: "content of the volume", why },
      { subject: "/scratch", what: "content of the tmpfs", why },
      { subject: stack.bundle.directory, what: "content of the bind", why: "it is read by no look (bot2, secrets)" },
    ]),
  );
  expect(limits.map(({ subject }) => subject).filter((subject) => subject.endsWith("-secrets"))).toEqual([]);
});

test("a bundle that does not open must be told as to be mended, and an engine that does not answer as an error", async () => {
  const stack = stackOf();
  const bytes = await stack.bundle.bytes();
  await stack.bundle.replace(Buffer.from(bytes).toString().replace("data:", "data:AAAA"));
  try {
    const { verdict, findings } = await verify(stack);
    expect(verdict).toBe("misconfigured");
    const mended = findings.filter(({ severity }) => severity === "misconfigured");
    expect(mended.map(({ place }) => place)).toEqual([expect.stringMatching(/^bundle-/)]);
  } finally {
    await stack.bundle.replace(bytes);
  }
  const nowhere = ["exec", "-T", "--env", "DOCKER_HOST=unix:///nowhere.sock", "secrets", "sidecrypt", "verify"];
  const { code, stdout, stderr } = await stack.tryCompose(...nowhere);
  expect([code, stdout]).toEqual([6, ""]);
  expect(stderr).toContain("/nowhere.sock");
});

test("a stranger on a drop, and one with the engine's socket, must be named as to be mended", async () => {
  const stack = stackOf();
  const name = `${stack.project}-stranger`;
  onTestFinished(async () => {
    await stack.engine.tryDocker("rm", "--force", name);
  });
  const mounts = [
    "--volume",
    `${stack.project}_bot1-secrets:/secrets`,
    "--volume",
    `${stack.engine.socket}:/docker.sock`,
  ];
  const labels = [
    "--label",
    `com.docker.compose.project=${stack.project}`,
    "--label",
    "com.docker.compose.oneoff=True",
  ];
  await stack.engine.docker("run", "--detach", "--name", name, ...labels, ...mounts, "sidecrypt-bot", "sleep", "1000");

  const { verdict, findings } = await verify(stack);
  expect(verdict).toBe("misconfigured");
  const mended = findings.filter(({ severity }) => severity === "misconfigured");
  expect(mended.map(({ rule, subject, place }) => [rule, subject, place])).toEqual(
    expect.arrayContaining([
      ["drop", `${stack.project}_bot1-secrets`, name],
      ["reach", name, ""],
    ]),
  );
});

test("the engine's socket under another name must be known: by what it is, and by a volume's options", async () => {
  const stack = stackOf();
  const [name, volume] = [`${stack.project}-hidden`, `${stack.project}-run`];
  const link = join(stack.directory, "x");
  await symlink(stack.engine.socket, link);
  onTestFinished(async () => {
    await stack.engine.tryDocker("rm", "--force", `${name}-1`, `${name}-2`);
    await stack.engine.tryDocker("volume", "rm", volume);
  });
  const options = ["type=none", "o=bind", `device=${dirname(stack.engine.socket)}`].flatMap((one) => ["--opt", one]);
  await stack.engine.docker("volume", "create", ...options, volume);
  for (const [index, mount] of [`${link}:/x`, `${volume}:/y`].entries()) {
    const started = ["run", "--detach", "--init", "--name", `${name}-${index + 1}`, "--volume", mount];
    await stack.engine.docker(...started, "sidecrypt-bot", "sleep", "1000");
  }

  const { findings } = await verify(stack);
  const reach = findings.filter(({ rule, subject }) => rule === "reach" && subject.startsWith(name));
  expect(reach.map(({ message }) => message).toSorted()).toEqual([
    `container ${name}-1 can read every drop: it has the engine's socket, at /x`,
    `container ${name}-2 can read every drop: it mounts ${dirname(stack.engine.socket)} of the host`,
  ]);
});

/** From here, where nobody sees the drops. */
async function fromElsewhere(stack: Stack, blinded: Partial<Evidence> = {}): Promise<VerifyReport> {
  const patience = { clock: systemClock, callTimeout: 60_000 };
  const docker = await connectEngine(stack.engine.socket, patience);
  const evidence = without(openEvidence(stack.engine.socket, docker.apiVersion, patience), blinded);
  return runVerify(
    { docker, evidence, clock: systemClock },
    {
      version: "0.0.0",
      project: stack.project,
      needles: [{ name: "BOT1_API_KEY", value: Buffer.from(KEY) }],
      beside: null,
      image: "sidecrypt",
      keyFiles: ["/run/age.key"],
      strict: false,
      watch: 0,
    },
  );
}

/** Its private fields are its own: a copy would not have them. */
function without(evidence: Evidence, blinded: Partial<Evidence>): Evidence {
  return new Proxy(evidence, {
    get: (target, name: keyof Evidence) => blinded[name] ?? target[name].bind(target),
  });
}

test("a verify that sees no drops must call nothing clean", async () => {
  const { verdict, gaps } = await fromElsewhere(stackOf());
  expect([verdict, gaps.map(({ what }) => what)]).toEqual(["incomplete", ["drops"]]);
});

const nothing = { titles: ["PID", "COMMAND"], rows: [] };
async function* silence(): AsyncIterable<never> {
  yield* await Promise.resolve([]);
}

test.each<[string, Partial<Evidence>, string[]]>([
  ["logs", { log: silence }, ["stdout", "stderr"]],
  ["processes", { top: () => Promise.resolve(nothing) }, ["arguments of a process", "environment of a process"]],
  ["files", { file: () => Promise.resolve({ kind: "none" }) }, ["file"]],
])(
  "a verify that has become blind to %s must find that out by itself, and call nothing clean",
  async (_, blinded, missed) => {
    const { verdict, gaps, findings, selfTest } = await fromElsewhere(stackOf(), blinded);
    expect(verdict).toBe("incomplete");
    expect(selfTest?.missed).toEqual(missed);
    const named = gaps.filter(({ subject }) => subject === "self-test");
    expect(named.map(({ what }) => what)).toEqual(missed);
    // The drops, which are not seen from here, are not what it is incomplete for.
    expect(verdictOf(findings, named, selfTest)).toBe("incomplete");
  },
);

test("a value in a log must be a leak, told by name and line in every format", async () => {
  const stack = stackOf();
  await stack.exec("bot2", "sh", "-c", "base64 /run/secrets/BOT2_API_KEY > /proc/1/fd/1");

  const { verdict, findings } = await verify(stack);
  expect(verdict).toBe("leak");
  expect(findings.filter(({ severity }) => severity === "leak")).toMatchObject([
    { rule: "value-in-log", secret: "BOT2_API_KEY", place: "stdout line 1", form: "base64" },
  ]);
  const { code, stdout } = await stack.sidecrypt("verify", "--sarif");
  expect(code).toBe(1);
  expect(stdout).toContain('"ruleId": "value-in-log"');
  expect(stdout).not.toContain(OTHER);
});
