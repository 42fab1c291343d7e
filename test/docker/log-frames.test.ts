import { describe, expect, test } from "vitest";
import { readLog } from "../../src/docker/log-frames.ts";

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function read(bytes: Buffer, size: number, isTerminal = false): Promise<{ stdout: string; stderr: string }> {
  const said = { stdout: "", stderr: "" };
  for await (const piece of readLog(inPieces(bytes, size), isTerminal)) {
    said[piece.stream] += Buffer.from(piece.bytes).toString();
  }
  return said;
}

describe("a container's log", () => {
  const log = Buffer.concat([
    frame(1, "one\n"),
    frame(2, "oops\n"),
    frame(1, ""),
    frame(1, "two\n"),
    frame(0, "three\n"),
  ]);

  test.each([1, 2, 3, 7, 8, 9, 13, 1000])("is taken apart, however it comes: %i bytes at once", async (size) => {
    expect(await read(log, size)).toEqual({ stdout: "one\ntwo\nthree\n", stderr: "oops\n" });
  });

  test("of a terminal has no frames", async () => {
    expect(await read(log, 5, true)).toEqual({ stdout: log.toString(), stderr: "" });
  });

  test("that ends within a frame, or has none, is not taken for a whole one", async () => {
    await expect(read(log.subarray(0, -1), 100)).rejects.toMatchObject({ code: "docker-refused" });
    await expect(read(log.subarray(0, 3), 100)).rejects.toMatchObject({ code: "docker-refused" });
    await expect(read(Buffer.from("plain text, no frames"), 100)).rejects.toMatchObject({ code: "docker-refused" });
  });
});
