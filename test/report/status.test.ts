import { describe, expect, it } from "vitest";
import { printStatus } from "../../src/report/print-status.ts";
import { buildStatus, statusExit, type StatusInput } from "../../src/report/status.ts";
import type { Fault } from "../../src/types.ts";
import { consumer, container, drop, generation, NEW, NOW, OLD, plan, quiet } from "./worlds.ts";

const MAC: Fault = {
  code: "bundle-mac",
  subject: "/bundle/prod.enc.env",
  message: "/bundle/prod.enc.env: the MAC does not match",
  hint: "restore the file from git",
};
const LABEL: Fault = {
  code: "label-invalid",
  subject: "bot1",
  message: "bot1: sidecrypt.on-chnage is no label of sidecrypt",
  hint: "did you mean sidecrypt.on-change?",
};

const quarantined = quiet({
  plan: plan({
    held: [
      {
        kind: "quarantined",
        services: ["bot1"],
        generations: { "bot1-secrets": NEW },
        reason: "stack-bot1-1 was unhealthy after 30s",
      },
    ],
  }),
  quarantine: [
    {
      generations: { "bot1-secrets": NEW },
      names: ["BOT1_API_KEY"],
      services: ["bot1"],
      reason: "stack-bot1-1 was unhealthy after 30s",
      at: new Date(NOW - 12 * 60_000).toISOString(),
    },
  ],
});

const states: [string, StatusInput, object][] = [
  ["current", quiet(), { state: "current", generation: OLD, wanted: null, code: null, reason: null }],
  ["quarantined", quarantined, { state: "quarantined", code: "roll-failed", wanted: NEW }],
  [
    "held",
    quiet({ plan: plan({ held: [{ kind: "held", services: ["bot1"], generations: {}, reason: "shares A" }] }) }),
    { state: "held", reason: "shares A", hint: null },
  ],
  [
    "refused",
    quiet({ plan: plan({ refusals: [{ services: ["bot1"], fault: LABEL }] }) }),
    { state: "refused", code: "label-invalid", reason: LABEL.message, hint: LABEL.hint, generation: OLD },
  ],
  [
    "refused, its labels not understood",
    quiet({ plan: plan({ consumers: [consumer("redis")], refusals: [{ services: ["bot1"], fault: LABEL }] }) }),
    { state: "refused", volume: "bot1-secrets", generation: OLD },
  ],
  [
    "waiting for its roll",
    quiet({
      plan: plan({
        units: [
          {
            steps: [
              { consumer: consumer("bot1"), containers: [], wave: 0, cause: "BOT1_API_KEY changed", follows: [] },
            ],
            followers: [],
            deliveries: [{ generation: generation("bot1"), adopt: [], cause: "BOT1_API_KEY changed" }],
            names: ["BOT1_API_KEY"],
            generations: { "bot1-secrets": NEW },
          },
        ],
      }),
    }),
    { state: "waiting", reason: "BOT1_API_KEY changed", wanted: NEW, code: null },
  ],
  ["rolling", quiet({ rolling: new Set(["bot1"]) }), { state: "rolling" }],
  [
    "stuck, before all else",
    quiet({
      rolling: new Set(["bot1"]),
      stuck: new Map([["bot1", { ...LABEL, code: "rollback-failed", message: "both are kept", hint: undefined }]]),
    }),
    { state: "stuck", code: "rollback-failed", reason: "both are kept", hint: null },
  ],
  [
    "undelivered",
    quiet({ observed: { ...quiet().observed!, drops: [drop("bot1", null), drop("redis")] } }),
    { state: "undelivered", generation: null, since: null },
  ],
  [
    "waiting, since nothing opens",
    quiet({ plan: null, bundle: { ...quiet().bundle, fault: MAC } }),
    { state: "waiting", generation: OLD },
  ],
  [
    "failed, and stays since its on-failure says so",
    quiet({ failures: [{ service: "bot1", generation: OLD, reason: "it turned unhealthy", left: "stopped" }] }),
    {
      state: "failed",
      code: "roll-failed",
      reason: "it turned unhealthy",
      hint: "commit a secret that works, or start it again: docker compose start bot1",
    },
  ],
  [
    "current again, once its drop holds another generation than the one that failed",
    quiet({ failures: [{ service: "bot1", generation: NEW, reason: "it turned unhealthy", left: "running" }] }),
    { state: "current", reason: null },
  ],
];

describe("a status", () => {
  it.each(states)("knows a consumer that is %s", (_, input, expected) => {
    expect(buildStatus(input).consumers.find(({ service }) => service === "bot1")).toMatchObject(expected);
  });

  it("survives JSON", () => {
    expect(JSON.parse(JSON.stringify(buildStatus(quarantined)))).toEqual(buildStatus(quarantined));
  });

  it("leaves out one-offs, backups and jobs that are done", () => {
    const containers = [
      container("migrate", { state: "exited", restartPolicy: "no" }),
      container("shell", { oneOff: true }),
      container("bot1", { isBackup: true, state: "exited" }),
      container("bot1"),
    ];
    const observed = { ...quiet().observed!, containers };
    expect(buildStatus(quiet({ plan: null, observed })).consumers).toMatchObject([
      { service: "bot1", containers: [{ name: "stack-bot1-1", state: "running", exitCode: null }] },
    ]);
  });

  it("adds the plan's warnings to the bundle's, and the fault of a drop that no consumer reports", () => {
    const fault: Fault = { code: "drop-not-memory", subject: "old-secrets", message: "x", hint: undefined };
    const observed = { ...quiet().observed!, drops: [drop("bot1"), drop("redis"), { ...drop("old"), fault }] };
    const warnings = [{ subject: "A", message: "one" }];
    const status = buildStatus(
      quiet({ observed, warnings, plan: plan({ warnings: [{ subject: "B", message: "two" }] }) }),
    );
    expect(status.warnings.map(({ subject }) => subject)).toEqual(["A", "B"]);
    expect(status.faults).toEqual([fault]);
  });
});

describe("health", () => {
  it.each<[string, StatusInput]>([
    ["all is well", quiet()],
    ["a newer bundle is refused", quiet({ bundle: { ...quiet().bundle, fault: MAC } })],
    ["a generation is quarantined", quarantined],
    ["a consumer is refused that has its files", states[3]![1]],
    ["nothing opens after a restart, and the drops are full", states[9]![1]],
    ["there is no consumer", quiet({ plan: plan({ consumers: [] }) })],
  ])("is unhurt when %s", (_, input) => {
    expect(buildStatus(input)).toMatchObject({ healthy: true, unhealthy: [] });
  });

  it.each<[string, StatusInput, readonly string[]]>([
    ["a drop is empty", states[8]![1], ["bot1 has no generation on its drop"]],
    [
      "nothing opens and the drops are empty",
      quiet({
        plan: null,
        bundle: { ...quiet().bundle, fault: MAC },
        observed: { ...quiet().observed!, drops: [drop("bot1", null), drop("redis")] },
      }),
      [`bot1 has no generation on its drop: ${MAC.message}`],
    ],
    ["the engine has not answered", quiet({ observed: null, plan: null }), ["the engine has not answered yet"]],
    [
      "nothing has been planned",
      quiet({ plan: null, observed: { ...quiet().observed!, containers: [] } }),
      ["nothing has been planned yet"],
    ],
  ])("is hurt when %s", (_, input, reasons) => {
    expect(buildStatus(input)).toMatchObject({ healthy: false, unhealthy: reasons });
  });
});

describe("the exit status", () => {
  const engine: Fault = { code: "docker-unreachable", subject: "engine", message: "x", hint: undefined };
  it.each<[string, StatusInput, number]>([
    ["all well", quiet(), 0],
    ["at work", quiet({ rolling: new Set(["bot1"]) }), 0],
    ["quarantined", quarantined, 7],
    ["refused", states[3]![1], 4],
    ["engine before consumers", { ...quarantined, faults: [engine] }, 6],
    ["bundle before all", { ...quarantined, faults: [engine], bundle: { ...quiet().bundle, fault: MAC } }, 3],
    ["undelivered for no fault", states[8]![1], 1],
  ])("%s", (_, input, expected) => {
    expect(statusExit(buildStatus(input))).toBe(expected);
  });
});

describe("the text", () => {
  const text = (input: StatusInput): string => `\n${printStatus(buildStatus(input))}`;

  it("of a quiet stack", () => {
    expect(text(quiet({ plan: plan({ consumers: [consumer("bot1", { unproven: true }), consumer("redis")] }) }))).toBe(`
all well: 2 consumers are current
sidecrypt 0.1.0, healthy, up 3d4h
bundle /bundle/prod.enc.env ok 3f2a9c81d0e4

SERVICE  STATE              GENERATION    SINCE  CONTAINERS
bot1     current, unproven  a1b2c3d4e5f6  3h12m  running
redis    current            a1b2c3d4e5f6  3h12m  running
`);
  });

  it("of one that runs and does not work, unless a gate is just looking at it", () => {
    const ailing = container("bot2", { isUnhealthy: true });
    const consumers = [consumer("bot1"), consumer("bot2", { containers: [container("bot2"), ailing] })];
    const observed = { ...quiet().observed!, drops: [drop("bot1"), drop("bot2")] };
    const input = quiet({ plan: plan({ consumers }), observed });
    const [verdict, ...rest] = text(input).trim().split("\n");
    expect(verdict).toBe("needs attention: unhealthy: bot2");
    expect(rest.at(-1)).toMatch(/^bot2 .* 1 running, 1 unhealthy$/);
    expect(text({ ...input, rolling: new Set(["bot2"]) })).toMatch(/^\nat work: bot2 rolling\n/);
  });

  it("of a bad night", () => {
    const replicas = [container("bot2"), container("bot2"), container("bot2", { state: "exited", exitCode: 137 })];
    const consumers = [consumer("bot1"), consumer("bot2", { containers: replicas }), consumer("redis")];
    const input = quiet({
      bundle: { ...quiet().bundle, fault: MAC },
      plan: plan({
        consumers,
        held: quarantined.plan!.held,
        refusals: [{ services: ["grafana"], fault: { ...LABEL, subject: "grafana", message: "grafana: no label" } }],
        warnings: [{ subject: "REDIS_PASSWORD", message: "is shared by bot1 and bot2, which nothing orders" }],
      }),
      rolling: new Set(["redis"]),
      quarantine: quarantined.quarantine,
      observed: { ...quiet().observed!, drops: [drop("bot1"), drop("bot2"), drop("redis")] },
    });
    expect(text(input)).toBe(`
needs attention: the bundle is refused; 2 of 4 consumers: bot1, grafana
sidecrypt 0.1.0, unhealthy, up 3d4h
bundle /bundle/prod.enc.env refused 3f2a9c81d0e4

SERVICE  STATE        GENERATION    SINCE  CONTAINERS
bot1     quarantined  a1b2c3d4e5f6  3h12m  running
bot2     current      a1b2c3d4e5f6  3h12m  2 running, 1 exited 137
grafana  refused      -             -      none
redis    rolling      a1b2c3d4e5f6  3h12m  running

bundle refused: /bundle/prod.enc.env: the MAC does not match [bundle-mac]
  hint: restore the file from git
bot1: quarantined 12m ago: stack-bot1-1 was unhealthy after 30s (wants 0f9e8d7c6b5a) [roll-failed]
  hint: commit a secret that works, or try the same again: docker compose exec secrets sidecrypt retry bot1
grafana: refused: grafana: no label [label-invalid]
  hint: did you mean sidecrypt.on-change?
unhealthy: grafana has no generation on its drop: grafana: no label

warning: REDIS_PASSWORD: is shared by bot1 and bot2, which nothing orders
`);
  });

  it("of a first start without a bundle", () => {
    const missing: Fault = {
      code: "bundle-missing",
      subject: "/bundle",
      message: "no bundle in /bundle",
      hint: "put the encrypted file there",
    };
    const input = quiet({
      plan: null,
      bundle: { path: null, digest: null, signers: [], fault: missing },
      observed: { ...quiet().observed!, containers: [] },
    });
    expect(text(input)).toBe(`
needs attention: the bundle is missing
sidecrypt 0.1.0, unhealthy, up 3d4h
bundle none missing

bundle missing: no bundle in /bundle [bundle-missing]
  hint: put the encrypted file there
`);
  });

  it("of work under way, of nothing to care for, and of an engine that is silent", () => {
    expect(text(quiet({ rolling: new Set(["bot1"]) }))).toContain("\nat work: bot1 rolling\n");
    expect(text(quiet({ plan: plan({ consumers: [] }) }))).toContain("\nno consumer: no service of this project");
    expect(text(quiet({ observed: null, plan: null }))).toContain("\nthe engine has not answered yet\n");
  });
});
