/** Targets of what `verify`, `scan` and the daemon look at: what containers print, and what the engine sends. */
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { readEvents } from "../../src/docker/events.ts";
import { readLog } from "../../src/docker/log-frames.ts";
import { readFileFromTar, tarOf, type TarFile } from "../../src/docker/tar.ts";
import { readTar } from "../../src/docker/tar-stream.ts";
import { createSearcher } from "../../src/search/index.ts";
import { backslashRegions, percentRegions, unbackslash, unpercent } from "../../src/search/unescape.ts";
import { LogSearch } from "../../src/verify/log-search.ts";
import { Broken, text, type Target } from "./target.ts";

const VALUE = "Zq7-hunter2/Kx\"9 é+pW%s\\n&vT'3";
const NEEDLE = Buffer.from(VALUE);
const searcher = createSearcher([{ name: "NEEDLE", value: NEEDLE }]);
const whole = ({ length }: Buffer) => ({ start: 0, end: length });
const isFound = (hits: readonly { readonly name: string }[]): boolean => hits.some(({ name }) => name === "NEEDLE");

/** In pieces of uneven size, as a socket gives them. */
function* pieces(input: Buffer): Generator<Buffer> {
  for (let at = 0, size = 1; at < input.length; at += size, size = (size * 7 + 3) % 61 || 1) {
    yield input.subarray(at, at + size);
  }
}

async function* stream(input: Buffer): AsyncGenerator<Buffer> {
  for (const piece of pieces(input)) yield await Promise.resolve(piece);
}

function framed(input: Buffer): Buffer {
  const frames = [...pieces(input)].flatMap((piece, index) => {
    const header = Buffer.alloc(8);
    header.writeUInt8(1 + (index % 2), 0);
    header.writeUInt32BE(piece.length, 4);
    return [header, piece];
  });
  return Buffer.concat(frames);
}

async function bytesOf(log: AsyncIterable<{ readonly bytes: Uint8Array }>): Promise<Buffer> {
  const read: Uint8Array[] = [];
  for await (const { bytes } of log) read.push(bytes);
  return Buffer.concat(read);
}

/** The value as programs print it, between what the fuzzer made. */
const PRINTED: readonly ((value: string) => string)[] = [
  (value) => Buffer.from(`user:${value}`).toString("base64"),
  (value) => Buffer.from(Buffer.from(`x${value}`).toString("base64")).toString("base64"),
  (value) => Buffer.from(value).toString("hex").toUpperCase(),
  (value) => JSON.stringify({ a: JSON.stringify({ b: value }) }),
  (value) => encodeURIComponent(encodeURIComponent(value)),
  (value) => gzipSync(`{"a":${JSON.stringify(value)}}`).toString("base64"),
];

const FILE: TarFile = { content: Buffer.from("hello"), mode: 0o640, uid: 0, gid: 0, attributes: new Map() };

export const SIGHT_TARGETS: readonly Target[] = [
  {
    name: "log-frames",
    covers: ["docker/log-frames.ts#readLog"],
    seeds: [framed(Buffer.from("one\ntwo\n".repeat(20))), Buffer.from("\x01\0\0\0\xff\xff\xff\xffx", "latin1")],
    words: ["\x01\0\0\0", "\x02\0\0\0\0\0\0\0", "\0\0\0\x05hello", "\xff\xff\xff\xff"],
    run: async (input) => {
      if (!(await bytesOf(readLog(stream(framed(input)), false))).equals(input)) throw new Broken("a log changed");
      if (!(await bytesOf(readLog(stream(input), true))).equals(input)) throw new Broken("a terminal's log changed");
      if ((await bytesOf(readLog(stream(input), false))).length > input.length) throw new Broken("a log grew");
    },
  },
  {
    name: "log-search",
    covers: [],
    seeds: ["a line\n", `${VALUE}\n`, Buffer.concat([NEEDLE.subarray(0, 9), Buffer.from("\n")])],
    words: ["\n", "\r\n", "\0", VALUE.slice(0, 12), "%2", "\\u00", "H4sI"],
    run: (input) => {
      const search = new LogSearch(searcher);
      const whole = Buffer.concat([input, Buffer.from("\n"), NEEDLE, Buffer.from("\n"), input]);
      const hits = [...pieces(whole)].flatMap((piece) => search.push(piece));
      const line = input.toString("latin1").split("\n").length + 1;
      const found = [...hits, ...search.end()];
      if (!found.some((hit) => hit.name === "NEEDLE" && hit.line === line)) throw new Broken("a value was missed");
    },
  },
  {
    name: "printed",
    covers: [],
    seeds: ["level=info msg=", "{}", "GET /?a=1&b=2 HTTP/1.1", "===="],
    words: ["%", "\\", "\\u", '"', "=", "A".repeat(64), "\n", "H4sIAAAA", "x\x9c"],
    run: (input) => {
      for (const [index, print] of PRINTED.entries()) {
        const line = Buffer.concat([input, Buffer.from(`\n${print(VALUE)}\n`), input]);
        if (!isFound(searcher.search(line))) throw new Broken(`a value in form ${index} was missed`);
      }
    },
  },
  {
    name: "unescape",
    covers: [],
    seeds: ["%68%75", "\\x68\\u0075\\156\\n", `a%${"%41".repeat(40)}`, "\\u".repeat(50)],
    words: ["%", "%4", "\\", "\\u00", "\\ud83d\\ude00", "\\x", "\\377", "\n", " "],
    run: (input) => {
      const typed = text(input);
      for (const undone of [unpercent, unbackslash]) {
        if (undone(input, whole(input)).length > input.length) throw new Broken("what is undone grew");
      }
      const percent = Buffer.from(encodeURIComponent(typed));
      if (unpercent(percent, whole(percent)).toString() !== typed) throw new Broken("percent-encoding is not undone");
      const json = Buffer.from(JSON.stringify(typed).slice(1, -1));
      if (unbackslash(json, whole(json)).toString() !== typed) throw new Broken("JSON's escapes are not undone");
      for (const { start, end } of [...percentRegions(input), ...backslashRegions(input)]) {
        if (start < 0 || end > input.length || start >= end) throw new Broken("a region outside of the text");
      }
    },
  },
  {
    name: "events",
    covers: ["docker/events.ts#readEvents"],
    seeds: ['{"Type":"container","Action":"start","Actor":{"ID":"a","Attributes":{"b":"c"}}}\n', "\n\n{\n"],
    words: ["\n", '"Type":"container"', '"Actor":', "null", "{}", "\u2028"],
    run: async (input) => {
      const own = Buffer.from('\n{"Type":"container","Action":"die","Actor":{"ID":"own"}}\n');
      const seen: string[] = [];
      const source = Readable.from(pieces(Buffer.concat([input, own])), { objectMode: false });
      for await (const event of readEvents(source, new AbortController().signal)) seen.push(event.container);
      if (seen.at(-1) !== "own") throw new Broken("an event was lost behind what is none");
    },
  },
  {
    name: "tar-stream",
    covers: ["docker/tar-stream.ts#readTar", "docker/tar.ts#readRecords"],
    seeds: [Buffer.concat([tarOf("/etc/a", FILE, 1), tarOf("/etc/b", FILE, 1)]), tarOf(`/${"a".repeat(200)}`, FILE, 1)],
    words: ["\0", "ustar", " path=", "00000000012", "x", "L"],
    run: async (input) => {
      let size = 0;
      try {
        for await (const { body } of readTar(stream(input))) for await (const piece of body) size += piece.length;
      } catch (thrown) {
        if ((thrown as { code?: string }).code !== "docker-refused") throw thrown;
      }
      if (size > input.length) throw new Broken("a tar grew");
    },
  },
  {
    name: "tar-made",
    covers: [],
    seeds: ["", "hello", "x".repeat(513)],
    words: ["\0", "ustar", " path="],
    run: (input) => {
      const attributes = new Map([["SCHILY.xattr.user.a", input.subarray(0, 100)]]);
      const file: TarFile = { content: input, mode: 0o640, uid: 4_000_000, gid: 7, attributes };
      const read = readFileFromTar(tarOf(`/etc/${"a".repeat(input.length % 300)}`, file, 1));
      const isSame =
        read !== null &&
        Buffer.from(read.content).equals(input) &&
        Buffer.from(read.attributes.get("SCHILY.xattr.user.a") ?? []).equals(input.subarray(0, 100)) &&
        [read.mode, read.uid, read.gid].join() === [file.mode, file.uid, file.gid].join();
      if (!isSame) throw new Broken("another file is read back");
    },
  },
];
