import { describe, expect, it } from "vitest";
import { parseConsumer, type ConsumerLabels } from "../../src/plan/index.ts";
import type { Fault } from "../../src/types.ts";

function parse(labels: Record<string, string>, secrets: string | null = "A") {
  const ours = Object.entries(labels).map(([name, value]) => [`sidecrypt.${name}`, value]);
  return parseConsumer("bot1", {
    "com.docker.compose.service": "bot1",
    ...(secrets === null ? {} : { "sidecrypt.secrets": secrets }),
    ...(Object.fromEntries(ours) as Record<string, string>),
  });
}

function faultOf(parsed: ReturnType<typeof parse>): Fault {
  if (parsed === null || !("fault" in parsed)) throw new Error("no fault");
  return parsed.fault;
}

describe("labels that are accepted", () => {
  it("has a default for all but sidecrypt.secrets", () => {
    expect(parse({})).toEqual({
      patterns: [{ text: "A", parts: ["A"], exclude: false, optional: false }],
      stripPrefix: "",
      formats: ["files"],
      templates: [],
      onChange: { kind: "recreate" },
      order: "stop-first",
      onFailure: "rollback",
      after: [],
      probe: null,
      healthTimeout: null,
      settle: null,
      envAllowed: false,
    });
  });

  it.each([
    [{ "strip-prefix": "BOT1_" }, { stripPrefix: "BOT1_" }],
    [{ "on-change": "recreate" }, { onChange: { kind: "recreate" } }],
    [{ "on-change": "restart" }, { onChange: { kind: "restart" } }],
    [{ "on-change": "none" }, { onChange: { kind: "none" } }],
    [{ "on-change": "signal:HUP" }, { onChange: { kind: "signal", signal: "HUP" } }],
    [{ "on-change": "signal:SIGUSR1" }, { onChange: { kind: "signal", signal: "USR1" } }],
    [{ after: "redis, db" }, { after: ["redis", "db"] }],
    [{ probe: "redis-cli ping | grep PONG" }, { probe: "redis-cli ping | grep PONG" }],
    [{ "health-timeout": "1m30s" }, { healthTimeout: 90_000 }],
    [{ settle: "500ms" }, { settle: 500 }],
    [{ settle: "0s" }, { settle: 0 }],
    [{ format: "files" }, {}],
    [{ "on-change": "exec: reload --all" }, { onChange: { kind: "exec", command: "reload --all" } }],
    [{ "on-change": 'exec:["reload", "a b"]' }, { onChange: { kind: "exec", command: '["reload", "a b"]' } }],
    [{ order: "start-first" }, { order: "start-first" }],
    [{ "on-failure": "keep" }, { onFailure: "keep" }],
    [{ "on-failure": "stop" }, { onFailure: "stop" }],
    [{ env: "allowed" }, { envAllowed: true }],
    [{ replaces: "abc", generation: "def", unit: "0/1" }, {}],
  ])("%j", (labels, expected) => {
    expect(parse(labels)).toMatchObject(expected);
  });

  it("is not a consumer without labels of ours", () => {
    expect(parse({}, null)).toBeNull();
  });

  it("is not a consumer for a journal label alone", () => {
    expect(parse({ replaces: "abc" }, null)).toBeNull();
  });
});

describe("labels that are refused", () => {
  it.each([
    [
      { "on-change": "recreated" },
      "on-change is not one of recreate, restart, signal:NAME (such as signal:HUP), exec:CMD, none",
    ],
    [
      { "on-change": "signal:KILL" },
      "on-change is not one of recreate, restart, signal:NAME (such as signal:HUP), exec:CMD, none",
    ],
    [
      { "on-change": "signal:" },
      "on-change is not one of recreate, restart, signal:NAME (such as signal:HUP), exec:CMD, none",
    ],
    [{ "on-change": "exec:" }, "on-change names no command behind exec:"],
    [{ settle: "30" }, "settle is not a duration such as 30s, 1m30s or 500ms"],
    [{ settle: "ten seconds" }, "settle is not a duration such as 30s, 1m30s or 500ms"],
    [{ settle: "25h" }, "settle is not between 0ms and 24h"],
    [{ "health-timeout": "0s" }, "health-timeout is not between 1ms and 24h"],
    [{ "strip-prefix": "" }, "strip-prefix is not the beginning of a name"],
    [{ "strip-prefix": "a/b" }, "strip-prefix is not the beginning of a name"],
    [{ order: "fast" }, "order is not one of stop-first, start-first"],
    [{ "on-failure": "panic" }, "on-failure is not one of rollback, keep, stop"],
    [{ format: "xml" }, "format is not one of files, dotenv, json"],
    [{ env: "yes" }, "env is not one of allowed"],
    [{ probe: " " }, "probe is empty"],
    [{ after: "redis;db" }, "after names no services"],
  ])("%j: %s", (labels, message) => {
    const fault = faultOf(parse(labels));
    expect(fault).toMatchObject({ code: "label-invalid", subject: "bot1" });
    expect(fault.message).toBe(`service bot1: label sidecrypt.${message}`);
  });

  it.each([
    ["config.tpl>config.json", [["config.tpl", "config.json"]]],
    [
      "a.tpl > a.toml, b.tpl>b.yaml",
      [
        ["a.tpl", "a.toml"],
        ["b.tpl", "b.yaml"],
      ],
    ],
  ])("template %s", (template, asks) => {
    const parsed = parse({ template }) as ConsumerLabels;
    expect(parsed.templates).toEqual(asks.map(([from, file]) => ({ template: from, file })));
  });

  it.each(["", "config.tpl", "a>b>c", ">b", "a>", "../a>b", "a>/b", "a>..data", "a b>c"])(
    "template %j is refused",
    (template) => {
      expect(faultOf(parse({ template })).message).toBe(
        "service bot1: label sidecrypt.template is not FILE>NAME, a file beside the bundle and one on the drop, neither with a slash",
      );
    },
  );

  it("two templates for one file are refused", () => {
    expect(faultOf(parse({ template: "a>c b>c" })).message).toContain("makes one file of two templates");
  });

  it("formats are what they are in any order, files alone where none is named", () => {
    expect(parse({ format: "json files" })).toMatchObject({ formats: ["files", "json"] });
    expect(parse({ format: "dotenv" })).toMatchObject({ formats: ["dotenv"] });
    expect(parse({})).toMatchObject({ formats: ["files"], templates: [] });
  });

  it.each([
    ["on_change", "did you mean sidecrypt.on-change?"],
    ["secret", "did you mean sidecrypt.secrets?"],
    ["Secrets", "did you mean sidecrypt.secrets?"],
    ["helth-timeout", "did you mean sidecrypt.health-timeout?"],
    ["whatever", undefined],
  ])("an unknown label %s", (name, hint) => {
    const fault = faultOf(parse({ [name]: "x" }));
    expect(fault).toEqual({
      code: "label-invalid",
      subject: "bot1",
      message: `service bot1: unknown label sidecrypt.${name}`,
      hint,
    });
  });

  it("a mistyped sidecrypt.secrets is named, not taken for a missing one", () => {
    expect(faultOf(parse({ secret: "A" }, null)).hint).toBe("did you mean sidecrypt.secrets?");
  });

  it("labels without sidecrypt.secrets", () => {
    const { message } = faultOf(parse({ "on-change": "restart" }, null));
    expect(message).toBe("service bot1 has sidecrypt labels but no sidecrypt.secrets");
  });

  it("repeats no value that was pasted into a label", () => {
    for (const name of [
      "secrets",
      "settle",
      "on-change",
      "order",
      "format",
      "env",
      "after",
      "strip-prefix",
      "template",
    ]) {
      expect(JSON.stringify(parse({ [name]: "KEY=hunter2/x" }))).not.toContain("hunter2");
    }
  });
});
