import { describe, expect, it } from "vitest";
import { SidecryptError } from "../../src/errors.ts";
import { createLog, type Fields, type Log } from "../../src/report/log.ts";
import { createRedactor } from "../../src/report/redact.ts";

const CANARY = 'c4nary"-s3cret/value';
const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6), sleep: () => Promise.resolve() };

function recorded(values: string[] = [CANARY], level: "info" | "warn" | "error" = "info") {
  const lines: string[] = [];
  const redactor = createRedactor();
  redactor.remember(values.map((value) => Buffer.from(value)));
  const log: Log = createLog({ level, redactor, clock, write: (line) => lines.push(line) });
  return { lines, log };
}

function line(fields: Fields, values?: string[]): Record<string, unknown> {
  const { lines, log } = recorded(values);
  log.error("defect", fields);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/\}\n$/);
  return JSON.parse(lines[0]!) as Record<string, unknown>;
}

describe("the log", () => {
  it("writes one JSON object a line: level, time, event, fields", () => {
    const { lines, log } = recorded();
    log.info("delivered", { volume: "bot1", names: new Set(["A"]), at: new Date(0), big: 2n, gone: undefined });
    expect(lines).toEqual([
      '{"level":"info","time":"2026-01-02T03:04:05.006Z","volume":"bot1","names":["A"],"at":"1970-01-01T00:00:00.000Z","big":"2","event":"delivered"}\n',
    ]);
  });

  it("leaves out what is below its level", () => {
    const { lines, log } = recorded([], "warn");
    log.info("delivered");
    log.warn("drop-fault");
    log.error("defect");
    expect(lines.map((text) => (JSON.parse(text) as { level: string }).level)).toEqual(["warn", "error"]);
  });

  it("describes an error by code, message and hint, wherever it stands", () => {
    const error = new SidecryptError("bundle-mac", "prod.enc.env: the MAC does not match", "encrypt it again");
    const described = { code: "bundle-mac", message: error.message, hint: "encrypt it again" };
    expect(line({ error, list: [{ error }] })).toMatchObject({ error: described, list: [{ error: described }] });
  });

  it("says of a foreign error only what it is", () => {
    const error = new TypeError("unexpected token c4nary-unknown", { cause: new Error("c4nary-unknown") });
    const { error: described } = line({ error });
    expect(described).toMatchObject({ code: "internal", message: "unexpected TypeError" });
    expect(JSON.stringify(described)).not.toContain("c4nary");
  });

  it("keeps the subject of an error that has one", () => {
    const error = Object.assign(new SidecryptError("drop-full", "no space left"), { subject: "bot1" });
    expect(line({ error })["error"]).toEqual({ code: "drop-full", subject: "bot1", message: "no space left" });
  });

  it.each<[string, Fields]>([
    ["a field", { text: `x ${CANARY} y` }],
    ["a nested field", { a: [{ b: { c: CANARY } }] }],
    ["a key", { [CANARY]: 1 }],
    ["an error's message", { error: new SidecryptError("internal", `with ${CANARY}`) }],
    ["an error's hint", { error: new SidecryptError("internal", "x", CANARY) }],
    ["a cause", { error: Object.assign(new Error("x", { cause: new Error(CANARY) }), { input: CANARY }) }],
    ["JSON in a field", { reply: JSON.stringify({ env: [CANARY] }) }],
    ["base64", { header: Buffer.from(CANARY).toString("base64") }],
    ["a URL", { url: `http://x/?token=${encodeURIComponent(CANARY)}` }],
    ["bytes", { value: Buffer.from(CANARY) }],
    ["a map", { secrets: new Map([["A", CANARY]]) }],
    ["a set", { values: new Set([CANARY]) }],
    ["something deep", { a: { b: { c: { d: { e: { f: { g: { h: { i: CANARY } } } } } } } } }],
  ])("never writes a known value: in %s", (_, fields) => {
    const text = JSON.stringify(line(fields));
    expect(text).not.toContain("c4nary");
    expect(text).not.toContain(Buffer.from(CANARY).toString("base64").slice(0, 12));
  });

  it("writes bytes and maps as nothing but that, known or not", () => {
    expect(line({ bytes: Buffer.from("unknown"), map: new Map([["a", "unknown"]]) })).toMatchObject({
      bytes: "[bytes]",
      map: "[map]",
    });
  });

  it("stays JSON when a value is a number or runs into JSON's own syntax", () => {
    expect(line({ downtimeMs: 123456, other: 7 }, ["123456"])).toMatchObject({ downtimeMs: "[redacted]", other: 7 });
    expect(line({ a: "b", text: 'x","a":"b' }, ['","a":"b'])).toMatchObject({ text: "x[redacted]" });
  });

  it("keeps the fields after one that a long value filled", () => {
    const long = "0123456789".repeat(1000);
    expect(line({ text: `x ${long}`, after: "kept" }, [long])).toMatchObject({ text: "x [redacted]", after: "kept" });
  });

  it("writes no line that it could not clean", () => {
    // A value that spans our own syntax cannot be taken out field by field.
    expect(line({ a: "b" }, ['"error","time":'])).toEqual({ level: "error", event: "defect", line: "[redacted]" });
  });

  it("ends on a cycle", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    expect(JSON.stringify(line({ cycle }))).toContain("[deep]");
  });
});
