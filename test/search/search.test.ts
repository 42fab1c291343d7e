import { describe, expect, it } from "vitest";
import { createSearcher, type Hit } from "../../src/search/index.ts";

/** Holds something for every encoding to change. */
const CANARY = "c4nary/\"+<é>\n& s3cret$ 'x'";

const needle = (name: string, value: string) => ({ name, value: Buffer.from(value) });
const searcher = createSearcher([needle("KEY", CANARY), needle("TOKEN", "k7Qw9zXp2LmN4vRt")]);
const found = (hits: readonly Hit[]): string[] => hits.map(({ name, form, offset }) => `${name} ${form} ${offset}`);

describe("a search", () => {
  it.each([
    ["raw", CANARY],
    ["json", JSON.stringify(CANARY)],
    ["json in json", JSON.stringify(JSON.stringify(CANARY))],
    ["percent", encodeURIComponent(CANARY)],
    ["hex", Buffer.from(CANARY).toString("hex").toUpperCase()],
    ["base64", Buffer.from(`u:${CANARY}`).toString("base64")],
    ["base64", Buffer.from(`me:${CANARY}:`).toString("base64")],
    ["base64", Buffer.from(CANARY).toString("base64url")],
    ["utf-16", Buffer.from(CANARY, "utf16le").toString("latin1")],
  ])("finds a value as %s", (form, text) => {
    const hits = searcher.search(Buffer.from(`line\nabc ${text} def`, form === "utf-16" ? "latin1" : "utf8"));
    expect(hits.map((hit) => hit.name)).toEqual(["KEY"]);
    expect(hits[0]?.form.startsWith(form)).toBe(true);
  });

  it("says where, and finds nothing where nothing is", () => {
    expect(found(searcher.search("0123 k7Qw9zXp2LmN4vRt k7Qw9zXp2LmN4vRt"))).toEqual(["TOKEN raw 5", "TOKEN raw 22"]);
    expect(searcher.search("k7Qw9zXp2LmN4vR")).toEqual([]);
    expect(searcher.search("")).toEqual([]);
    expect(createSearcher([]).search("anything")).toEqual([]);
  });

  it("looks for weak values only where they mean something, and says what it does not look for", () => {
    const weak = createSearcher([needle("MODE", "true"), needle("USER", "bot1"), needle("PASS", "hunter2")]);
    expect(weak.unchecked.map(({ name }) => name)).toEqual(["MODE", "USER"]);
    expect(weak.weak.map(({ name }) => name)).toEqual(["PASS"]);
    expect(weak.search("true bot1 hunter2 PASS=hunter22 PASS=hunter2-x")).toEqual([]);
    expect(found(weak.search('PASS=hunter2 {"PASS":"hunter2"}'))).toEqual(["PASS NAME=value 0", "PASS NAME=value 15"]);
    expect(weak.searchJson({ Env: ["A=hunter2"], Cmd: ["hunter2"], Label: "a hunter2" })).toEqual([
      { name: "PASS", form: "whole field", offset: 2, path: "Env[0]" },
      { name: "PASS", form: "whole field", offset: 0, path: "Cmd[0]" },
    ]);
  });
});

describe("a value that many a text has with another meaning", () => {
  const weakOf = (value: string): string[] => createSearcher([needle("X", value)]).weak.map(({ name }) => name);

  it.each(["LOG_LEVEL=debug", "NODE_ENV=production", "PORT=8080", "LANG=C.UTF-8", "key=value", "TZ=Europe/Berlin"])(
    "is weak as a setting of something plain: %s",
    (value) => {
      expect(weakOf(value)).toEqual(["X"]);
    },
  );

  it.each(["NODE_ENV", "LOG_LEVEL", "BITGET_API_KEY", "TIMEZONE", "API_KEY=", "HOME_DIR="])(
    "is weak as the name of a setting: %s",
    (value) => {
      expect(weakOf(value)).toEqual(["X"]);
    },
  );

  it.each([
    ...["KEY=k7Qw9zXp2LmN4vRt", "user=k7Qw9zXp2LmN4vRt==", "Zm9vYmFyYmF6cXV4cXV1eA==", "c2VjcmV0LWtleS1ieXRlcyE="],
    ...["JBSWYEDPEHPKBPXPJBSW", "KZX_Q2W_PLM9", "k7Qw9zXp"],
  ])("is none where what it holds is a key: %s", (value) => {
    expect(weakOf(value)).toEqual([]);
  });
});

describe("a search of a document", () => {
  it("tells the path of keys, values and what is split over the items of an array", () => {
    const document = {
      Config: { Env: ["A=1", "TOKEN=k7Qw9zXp2LmN4vRt"], Labels: { "x.k7Qw9zXp2LmN4vRt": 1 } },
      Args: ["-p", "k7Qw9zXp", "2LmN4vRt"],
    };
    expect(searcher.searchJson(document)).toEqual([
      { name: "TOKEN", form: "raw", offset: 6, path: "Config.Env[1]" },
      { name: "TOKEN", form: "raw", offset: 2, path: 'Config.Labels["x.k7Qw9zXp2LmN4vRt"]' },
      { name: "TOKEN", form: "raw", offset: 0, path: "Args[1]" },
    ]);
  });

  it("finds what is split over the variables of an environment, with the place in the first of them", () => {
    const env = ["TZ=UTC", "P1=k7Qw9zXp", "P2=2LmN4vRt"];
    expect(searcher.searchJson({ Env: env })).toEqual([{ name: "TOKEN", form: "raw", offset: 3, path: "Env[1]" }]);
    expect(searcher.searchJson(["P1=k7Qw9zXp", "other", "P2=2LmN4vRt"])).toEqual([]);
  });
});

describe("a stream", () => {
  const text = `first\n${"x".repeat(100)} k7Qw9zXp2LmN4vRt\nsecond ${Buffer.from(CANARY).toString("base64")}\n\nk7Qw9zXp2LmN4vRt`;
  it.each([1, 7, 64, 1000])("in chunks of %d bytes tells offsets and lines as the whole text does", (size) => {
    const stream = searcher.stream();
    const bytes = Buffer.from(text);
    const hits = [];
    for (let at = 0; at < bytes.length; at += size) hits.push(...stream.push(bytes.subarray(at, at + size)));
    hits.push(...stream.end());
    expect(found(hits)).toEqual(found(searcher.search(text)));
    expect(hits.map(({ line }) => line)).toEqual([2, 3, 5]);
  });
});
