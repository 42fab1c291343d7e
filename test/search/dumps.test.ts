/** Hex dumps, as the programs print them that are here: od always, the others where they are installed. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createSearcher } from "../../src/search/index.ts";

const TOKEN = "k7Qw9zXp2LmN4vRtB8sD1fGh";
const OTHER = "8d1f6e0b7c3a4952";
const searcher = createSearcher([
  { name: "TOKEN", value: Buffer.from(TOKEN) },
  { name: "OTHER", value: Buffer.from(OTHER) },
]);
const BEFORE = "POST /orders HTTP/1.1 cafe beef\nX-Key: ";
const dump = (command: string, input: string | Buffer): string =>
  execFileSync("bash", ["-c", command], { input, encoding: "utf8", maxBuffer: 2 ** 28 });
const has = (program: string): boolean => {
  try {
    return dump(`command -v ${program}`, "") !== "";
  } catch {
    return false;
  }
};

const COMMANDS = [
  ...["od -A x -t x1z", "od -t x1", "od -A n -t x1 -w8", "od -x", "od -t x4", "od -t x8", "od -A d -t x2z -v"],
  ...["xxd", "xxd -u", "xxd -g1", "xxd -g4", "xxd -e", "xxd -c 32", "xxd -p"],
  ...["hexdump", "hexdump -C", "hexdump -x", "hexdump -Cv"],
].filter((command) => has(command.split(" ")[0] ?? ""));

describe.each(COMMANDS)("in the output of %s", (command) => {
  it("a value is found wherever in a row it begins and ends, and is placed in the line that it begins in", () => {
    for (const before of [0, 1, 2, 5, 7, 8, 9, 14, 15, 17, 30]) {
      const text = dump(command, `${"-".repeat(before)}${TOKEN}${before % 2 === 0 ? "\n" : ", cafe ab"}`);
      // The column of characters may show it too.
      const found = searcher.search(`a line\n${text}`).filter(({ form }) => form !== "raw");
      expect(
        found.map(({ name }) => name),
        text,
      ).toEqual(["TOKEN"]);
    }
  });

  it("each value is found in a line of its own", () => {
    const padding = createHash("sha512").update("padding").digest("base64").repeat(3);
    const text = dump(command, `${BEFORE}${TOKEN}\n${padding}${OTHER}${padding}\n`);
    const found = searcher.search(text).filter(({ form }) => form !== "raw");
    expect(found.map(({ name }) => name)).toEqual(["TOKEN", "OTHER"]);
    if (command.includes("-p")) return;
    const lineOf = (offset: number): number => text.slice(0, offset).split("\n").length;
    const [first, second] = found.map(({ offset }) => lineOf(offset));
    expect(second! - first!).toBeGreaterThan(4);
  });

  it("is found behind what a log puts before each line", () => {
    const text = dump(command, `${BEFORE}${TOKEN}`).replace(/^/gm, "2026-01-02T03:04:05Z bot-1  | ");
    const found = searcher.search(text).filter(({ form }) => form !== "raw");
    if (!command.includes("-p")) expect(found.map(({ name }) => name)).toEqual(["TOKEN"]);
  });
});

const bytes = (length: number): Buffer =>
  Buffer.concat(Array.from({ length: length / 64 }, (_, index) => createHash("sha512").update(String(index)).digest()));

describe("a dump that is long", () => {
  const WHERE = 150_016 - 7;
  const data = Buffer.concat([bytes(150_016).subarray(0, WHERE), Buffer.from(TOKEN), bytes(200_000 - (200_000 % 64))]);

  it.each(["od -A x -t x1z -v", "od -x -v"])(
    "of %s is searched as a stream, and told once and in its line",
    (command) => {
      const text = Buffer.from(dump(command, data));
      const stream = searcher.stream();
      const hits = [];
      for (let at = 0; at < text.length; at += 99_991) hits.push(...stream.push(text.subarray(at, at + 99_991)));
      hits.push(...stream.end());
      expect(hits.map(({ name, form, line }) => [name, form, line])).toEqual([
        ["TOKEN", "hex dump", Math.floor(WHERE / 16) + 1],
      ]);
    },
  );

  it("is told once wherever a window begins in it", () => {
    const rows = dump("od -A x -t x1z -v", data);
    for (let before = 0; before < 100_000; before += 19_997) {
      const stream = searcher.stream();
      const hits = [...stream.push(Buffer.from(`${"y".repeat(before)}\n${rows}`)), ...stream.end()];
      expect(hits.map(({ line }) => line)).toEqual([Math.floor(WHERE / 16) + 2]);
    }
  });
});

describe("what openssl, tcpdump and others print", () => {
  const groups = (text: string, size: number): string[] =>
    Buffer.from(text)
      .toString("hex")
      .match(new RegExp(`.{1,${size}}`, "g")) ?? [];

  it("with a dash in the middle", () => {
    const rows = groups(`GET /x ${TOKEN}`, 32).map((row, index) => {
      const pairs = row.match(/../g) ?? [];
      const [left, right] = [pairs.slice(0, 8).join(" "), pairs.slice(8).join(" ")];
      return `${(16 * index).toString(16).padStart(4, "0")} - ${left}${right === "" ? "" : `-${right}`}   ....`;
    });
    expect(searcher.search(rows.join("\n")).map(({ form }) => form)).toEqual(["hex dump"]);
  });

  it("with an offset of 0x, which is no group", () => {
    const rows = groups(`GET /x ${TOKEN}`, 32).map(
      (row, index) =>
        `\t0x${(16 * index).toString(16).padStart(4, "0")}${index > 9 ? "" : ":"}  ${row.match(/.{1,4}/g)?.join(" ")}  GET`,
    );
    expect(searcher.search(rows.join("\n")).map(({ form }) => form)).toEqual(["hex dump"]);
    expect(searcher.search(rows.join("\n").replaceAll(":", "")).map(({ form }) => form)).toEqual(["hex dump"]);
  });

  it("base64 in a dump in JSON", () => {
    const text = dump("od -A x -t x1z", `Authorization: Basic ${Buffer.from(`bot:${TOKEN}`).toString("base64")}`);
    expect(searcher.search(JSON.stringify({ text })).map(({ form }) => form)).toEqual([
      "base64 in hex dump in escapes",
    ]);
  });
});

it("columns of numbers, of blanks and of dates are no value", () => {
  const rows = Array.from({ length: 2_000 }, (_, row) =>
    [...createHash("md5").update(String(row)).digest()].map((byte) => String(byte % 100).padStart(2, "0")).join(" "),
  );
  const text = `${rows.join("\n")}\n${" ".repeat(400)}\n2026 1130 0829 1200 5959 2026 1130\n${OTHER.slice(0, 8)} ${OTHER.slice(8)}`;
  expect(createSearcher([{ name: "A", value: Buffer.from(TOKEN) }], { shapes: true }).search(text)).toEqual([]);
});
