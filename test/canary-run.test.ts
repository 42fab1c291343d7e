/**
 * What canary.test.ts does for bundles, for all that comes after one was opened: every code of a consumer, a drop, the
 * engine and a roll, with the canaries where the message could pick them up. Nothing here is filtered.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { applyEdits } from "../src/bundle/document.ts";
import { unsetSecret } from "../src/bundle/index.ts";
import { observe } from "../src/daemon/observe.ts";
import { budgetFault } from "../src/daemon/pace.ts";
import { findSelf } from "../src/daemon/self.ts";
import { deliver, optionsFault } from "../src/deliver/index.ts";
import { connectEngine, negotiate } from "../src/docker/engine.ts";
import { parseInspect } from "../src/docker/inspect.ts";
import { readLog } from "../src/docker/log-frames.ts";
import { readFileFromTar } from "../src/docker/tar.ts";
import { EXIT_STATUS, type ErrorCode, type SidecryptError, toSidecryptError } from "../src/errors.ts";
import { plan, planToJson, printPlan } from "../src/plan/index.ts";
import { renderTemplate, writeList } from "../src/render/index.ts";
import type { Fault, Observed, ObservedContainer, Opened } from "../src/types.ts";
import { bundleOf, LATER, newKeys, STRICT } from "./bundle/support.ts";
import { OTHER, requireSilence, VALUE } from "./canaries.ts";
import { generation, mountedDrop, NEW, OLD, shmDrop } from "./deliver/drops.ts";
import { connected, ID, PATIENCE } from "./docker/connected.ts";
import { socketPath } from "./docker/server.ts";
import { bundle, container, input, world as stackOf } from "./plan/builders.ts";
import { Sidecar, World, type Service } from "./roll/world.ts";

type Answer = SidecryptError | Fault | { readonly fault: Fault };
/** Throws the error, or gives the fault; what else was said goes to `say`. */
type Case = (say: (text: string) => void) => unknown;

const BROKEN = new Map([["a.json", Buffer.from(`{"a": "{{ NOBODY }}", "b": ${JSON.stringify(VALUE)}}`)]]);
const UNWRITABLE = `not\u0000${VALUE}`;
const NOT_TEXT = Buffer.from(`\xff${VALUE}`, "latin1");
const SECRETS = { CANARY: VALUE, BOT_CANARY: OTHER, OTHER };

const planned =
  (
    containers: readonly ObservedContainer[],
    opened: Opened | null = bundle(SECRETS),
    drops?: Observed["drops"],
  ): Case =>
  (say) => {
    const made = plan(input(stackOf(containers, drops), opened));
    say(printPlan(made));
    say(JSON.stringify(planToJson(made)));
    return made.refusals[0];
  };
const asking = (options: Parameters<typeof container>[1]): readonly ObservedContainer[] => [
  container("bot", { secrets: "CANARY", ...options }),
];
const rendering =
  (name: string, text: string | Uint8Array, value: string | Uint8Array = VALUE): Case =>
  () =>
    renderTemplate(
      { name, bytes: Buffer.from(text as string) },
      name,
      new Map([["CANARY", Buffer.from(value as string)]]),
    );

/** The engine says no to a container that has the canaries in its environment, and gives this for its reason. */
const refusing =
  (status: number, message: string): Case =>
  async () => {
    const { docker } = await connected({ "POST /containers/create": { status, body: { message } } });
    await docker.create("bot", { body: { Env: [`CANARY=${VALUE}`, `OTHER=${OTHER}`] }, connect: [] });
  };

/** Everything runs on values of its own, and the new one is a canary. */
const rolled =
  (services: readonly Service[], trouble: (world: World, sidecar: () => Sidecar) => void): Case =>
  async (say) => {
    const made = await World.on(services);
    made.version = VALUE;
    const sidecar: Sidecar = new Sidecar(made, ({ name }) => {
      if (name === "start")
        started.forEach((work) => {
          work();
        });
      return null;
    });
    const started: (() => void)[] = [];
    trouble(made, () => sidecar);
    const log = (...args: readonly unknown[]): void => {
      say(JSON.stringify(args));
    };
    Object.assign(sidecar.ctx, { log: { info: log, warn: log, error: log } });
    return sidecar.roll();
  };
const BOT: readonly Service[] = [{ name: "bot" }];

const CASES: Readonly<Record<string, readonly Case[]>> = {
  "label-invalid": [
    planned(asking({ labels: { "on-change": "sometimes" } })),
    planned(asking({ labels: { unknown: "x" } })),
    planned(asking({ secrets: "BOT_CANARY CANARY", labels: { "strip-prefix": "BOT_" } })),
    planned(asking({ secrets: "" })),
  ],
  "secret-missing": [
    planned(asking({ secrets: "CANARYY NOBODY_*" })),
    async () => {
      const keys = await newKeys();
      await unsetSecret(await bundleOf(keys, SECRETS), keys.identities, "NOBODY", LATER, STRICT);
    },
  ],
  "drop-unpaired": [planned(asking({ volume: null })), planned(asking({}), undefined, [])],
  "drop-conflict": [
    planned([
      container("one", { secrets: "CANARY", volume: "shared" }),
      container("two", { secrets: "BOT_CANARY", labels: { "strip-prefix": "BOT_" }, volume: "shared" }),
    ]),
  ],
  "env-shadows-secret": [planned(asking({ with: { environmentNames: ["PATH", "CANARY"] } }))],
  "order-cycle": [
    planned([
      container("one", { secrets: "CANARY", dependsOn: ["two"] }),
      container("two", { secrets: "CANARY", dependsOn: ["one"] }),
    ]),
  ],
  "not-supported": [planned(asking({ labels: { order: "start-first" }, with: { soleReason: "it has a fixed port" } }))],
  "nothing-committed": [planned(asking({}), null)],
  "render-failed": [
    rendering("a.json", '{"a": {{ CANARY }}, "b": "{{ CANARY', VALUE),
    rendering("a.json", `{"a": "{{ CANARYY }}"}`),
    rendering("a.json", `{"a": "{{ CANARY | upper }}"}`),
    rendering("a.unknown", "{{ CANARY }}"),
    rendering("a.ini", "a = {{ CANARY }}\n", `${VALUE}\n${OTHER}`),
    rendering("a.sh", "A={{ CANARY }}\n", UNWRITABLE),
    rendering("a.toml", 'a = "{{ CANARY }}', VALUE),
    rendering("a.yaml", "a: {{ CANARY }}\n", NOT_TEXT),
    rendering("a.json", Buffer.from([0xff, ...Buffer.from(VALUE)])),
    () => writeList("dotenv", new Map([["CANARY", Buffer.from(UNWRITABLE)]])),
    () => writeList("json", new Map([["CANARY", NOT_TEXT]])),
    planned(asking({ labels: { template: "a.json>b.json" } }), bundle(SECRETS, { templates: BROKEN })),
  ],

  "drop-not-memory": [
    () => {
      const path = mkdtempSync(join(tmpdir(), "sidecrypt-disk-"));
      onTestFinished(() => {
        rmSync(path, { recursive: true });
      });
      return deliver({ volume: "bot1-secrets", path }, generation(NEW, SECRETS), []);
    },
  ],
  "drop-second-writer": [
    async () => {
      const [self, labels] = ["a".repeat(64), { "com.docker.compose.service": "other" }];
      const { path } = shmDrop();
      const Mounts = [{ Type: "volume", Name: "bot1-secrets", RW: true }];
      const listed = [{ Id: "b".repeat(64), State: "running", Labels: labels, Mounts }];
      const { docker } = await connected({
        "GET /containers/json": { status: 200, body: listed },
        "GET /volumes/bot1-secrets": { status: 200, body: {} },
      });
      const of = { id: self, project: "stack", service: "secrets", drops: [{ volume: "bot1-secrets", path }] };
      return (await observe(docker, of, new Map())).drops[0];
    },
    planned([container("bot", { secrets: "CANARY", writable: true })]),
  ],
  "drop-unwritable": [
    () => deliver({ volume: "bot1-secrets", path: "/dev/shm/sidecrypt-nowhere" }, generation(NEW, SECRETS), []),
    () => deliver(mountedDrop("size=1m,ro"), generation(NEW, SECRETS), []),
  ],
  "drop-full": [
    async () => {
      const full = mountedDrop("size=32k,mode=0755");
      await deliver(full, generation(OLD, SECRETS), []);
      await deliver(full, generation(NEW, { ...SECRETS, BIG: VALUE.repeat(2_000) }), []);
    },
  ],
  "drop-mismatch": [
    () => optionsFault("bot1-secrets", { type: "tmpfs", o: "size=1m" }, { mount: null, mode: 0o755 }),
    () => optionsFault("bot1-secrets", {}, { mount: null, mode: 0o755 }),
  ],
  "drop-split": [
    rolled(BOT, (made) => {
      made.isSplit = true;
    }),
  ],

  "docker-unreachable": [
    () => connectEngine(socketPath(), PATIENCE),
    async () => {
      const { docker } = await connected({ "POST /containers/create": { status: 201, trouble: "breaks" } });
      await docker.create("bot", { body: { Env: [`CANARY=${VALUE}`] }, connect: [] });
    },
  ],
  "docker-forbidden": [refusing(403, `denied: CANARY=${VALUE}`), refusing(401, OTHER)],
  "docker-too-old": [() => negotiate("1.24")],
  "docker-refused": [
    refusing(400, `invalid environment variable: CANARY=${VALUE}`),
    refusing(500, `of ${VALUE}`),
    refusing(409, "the name is taken"),
    () => parseInspect({ Id: VALUE, Config: { Env: [VALUE, 1] } }),
    () => parseInspect({ ...inspected(), Config: { Env: [VALUE, { [VALUE]: VALUE }] } }),
    () => readFileFromTar(Buffer.alloc(1024, VALUE)),
    async () => {
      for await (const piece of readLog(pieces(Buffer.from(`\u0009${VALUE.repeat(9)}`)), false))
        expect(piece).toBeDefined();
    },
  ],
  "self-unknown": [
    async () => {
      const { docker } = await connected({});
      await findSelf(docker, { mountinfo: VALUE, hostname: "0123456789ab", stateDir: "/state" });
    },
    async () => {
      const { docker } = await connected({
        [`GET /containers/${"0".repeat(12)}/json`]: { status: 200, body: inspected() },
      });
      await findSelf(docker, { mountinfo: "", hostname: "0".repeat(12), stateDir: "/state" });
    },
  ],

  "roll-failed": [
    rolled(BOT, (made) => {
      made.bad = VALUE;
    }),
    rolled([{ name: "redis", onChange: "exec:alter" }], (made) => {
      made.badCommand = VALUE;
    }),
  ],
  "roll-unfaithful": [
    rolled(BOT, ({ engine }) => {
      const create = engine.create.bind(engine);
      engine.create = (name, spec) => create(name, { ...spec, body: { ...spec.body, Env: [`CANARY=${VALUE}`] } });
    }),
  ],
  "rollback-failed": [
    rolled(BOT, (made, sidecar) => {
      const { docker } = sidecar().ctx;
      const start = docker.start.bind(docker);
      // The engine is restarted while the new one is on trial.
      Object.assign(docker, {
        start: (id: string) => {
          made.isSplit = true;
          made.engine.read = () => null;
          return start(id);
        },
      });
    }),
  ],
  "budget-spent": [
    () => budgetFault({ service: "bot", until: 0, spent: null }, { rolls: 10, window: 600_000 }, "secrets"),
  ],
  internal: [
    () => {
      throw toSidecryptError(new TypeError(`cannot read ${VALUE}`));
    },
    () => {
      throw toSidecryptError(VALUE);
    },
    () =>
      applyEdits(VALUE, [
        { start: 0, end: 9, text: VALUE },
        { start: 3, end: 5, text: OTHER },
      ]),
  ],
};

/** Made up on the spot for a stack of canaries of its own, which nobody else has: there is nothing real to say. */
const NOTHING_REAL: readonly ErrorCode[] = ["canary-failed"];
const codes = (Object.keys(EXIT_STATUS) as ErrorCode[]).filter(
  (code) => ![2, 3].includes(EXIT_STATUS[code]) && !NOTHING_REAL.includes(code),
);

test("every code of the other exit statuses has a case", () => {
  expect(Object.keys(CASES).toSorted()).toEqual(codes.toSorted());
});

describe.each(Object.keys(CASES))("%s", (code) => {
  test.each((CASES[code] ?? []).map((one, index) => [index + 1, one] as const))("case %i", async (_, one) => {
    const said: string[] = [];
    const answer = (await Promise.resolve()
      .then(() => one((text) => said.push(text)))
      .catch((error: unknown) => error)) as Answer | undefined;
    const fault = answer !== undefined && "fault" in answer ? answer.fault : answer;
    expect(fault?.code).toBe(code);
    if (fault instanceof Error) said.push(fault.stack ?? "", String(fault.cause));
    said.push(fault?.message ?? "", fault?.hint ?? "", JSON.stringify(answer));
    requireSilence(said.join("\n"), [VALUE, OTHER]);
  });
});

function inspected(): Record<string, unknown> {
  const State = { Status: "running" };
  const rest = { HostConfig: {}, NetworkSettings: {}, Config: { Env: [`CANARY=${VALUE}`] } };
  return { Id: ID, Name: "/bot", Image: ID, Created: "2026-01-01T00:00:00Z", State, ...rest };
}

async function* pieces(...all: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const one of all) yield await Promise.resolve(one);
}
