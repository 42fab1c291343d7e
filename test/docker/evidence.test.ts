import { describe, expect, test } from "vitest";
import { openEvidence } from "../../src/docker/evidence.ts";
import { tarOf } from "../../src/docker/tar.ts";
import { ID, PATIENCE } from "./connected.ts";
import { type Answers, serve } from "./server.ts";

async function looking(answers: Answers, callTimeout = PATIENCE.callTimeout) {
  const { socket, asked } = await serve(answers);
  return { evidence: openEvidence(socket, "1.41", { ...PATIENCE, callTimeout }), asked };
}

describe("what the engine shows", () => {
  test("comes whole, fields that nobody decides by included; null is what it does not have", async () => {
    const raw = { Id: ID, Unknown: { to: ["us"] } };
    const { evidence } = await looking({ [`GET /containers/${ID}/json`]: { status: 200, body: raw } });
    expect(await evidence.container(ID)).toEqual(raw);
    expect(await evidence.image("gone")).toBeNull();
  });

  test("of processes is asked for with their environments", async () => {
    const answer = { Titles: ["PID", "COMMAND"], Processes: [["1", "bot KEY=value"]] };
    const { evidence, asked } = await looking({ [`GET /containers/${ID}/top`]: { status: 200, body: answer } });
    expect(await evidence.top(ID, "eww")).toEqual({ titles: ["PID", "COMMAND"], rows: [["1", "bot KEY=value"]] });
    expect(asked[0]?.query).toEqual({ ps_args: "eww" });
  });

  test("of events is a JSON document a line", async () => {
    const chunks = ['{"Action":"start"}\n{"Act', 'ion":"die"}\n'];
    const { evidence, asked } = await looking({ "GET /events": { status: 200, chunks } });
    expect(await evidence.events(1, 2)).toEqual([{ Action: "start" }, { Action: "die" }]);
    expect(asked[0]?.query).toEqual({ since: "1", until: "2" });
  });

  test("of a log is all of it, or what came since", async () => {
    const { evidence, asked } = await looking({ [`GET /containers/${ID}/logs`]: { status: 200, chunks: ["a\n"] } });
    for (const since of [undefined, 1_764_460_800.25]) {
      for await (const { bytes } of evidence.log(ID, true, since)) expect(Buffer.from(bytes).toString()).toBe("a\n");
    }
    expect(asked.map(({ query }) => query["since"])).toEqual([undefined, "1764460800.250"]);
  });

  test("of a log that stalls is an error, not a wait without end", async () => {
    const log = {
      status: 200,
      chunks: ["\u0001\u0000\u0000\u0000\u0000\u0000\u0000\u0002a"],
      trouble: "stalls",
    } as const;
    const { evidence } = await looking({ [`GET /containers/${ID}/logs`]: log }, 2_000);
    const read = async (): Promise<void> => {
      for await (const piece of evidence.log(ID, false)) expect(piece.stream).toBe("stdout");
    };
    await expect(read()).rejects.toMatchObject({ code: "docker-unreachable" });
  });
});

describe("a file of a container", () => {
  const stat = (mode: number, size: number): string =>
    Buffer.from(JSON.stringify({ name: "file", mode, size, mtime: "2026-11-22T12:00:00Z" })).toString("base64");
  const content = Buffer.from("what stands in it");
  const tar = tarOf("/file", { content, mode: 0o644, uid: 0, gid: 0, attributes: new Map() }, 0);
  const path = `GET /containers/${ID}/archive`;
  const archive = (mode: number, size: number) => ({
    [path]: {
      status: 200,
      chunks: [Buffer.from(tar).toString("latin1")],
      headers: { "x-docker-container-path-stat": stat(mode, size), "content-type": "application/x-tar" },
    },
  });

  test("is its bytes, up to a limit", async () => {
    const { evidence } = await looking(archive(0o644, content.length));
    const found = await evidence.file(ID, "/file", 100);
    expect(found.kind === "file" && Buffer.from(found.bytes).toString()).toBe("what stands in it");
    expect(await evidence.file(ID, "/file", 5)).toEqual({ kind: "too-large", size: content.length });
  });

  test("is its bytes as they come, where it is asked for so", async () => {
    const { evidence, asked } = await looking(archive(0o644, content.length));
    const pieces: Uint8Array[] = [];
    for await (const piece of evidence.content(ID, "/file")) pieces.push(Buffer.from(piece));
    expect(Buffer.concat(pieces).toString()).toBe("what stands in it");
    expect(asked[0]?.query).toEqual({ path: "/file" });
  });

  test("is none where there is a directory, or nothing", async () => {
    const { evidence } = await looking(archive(0x80000000 + 0o755, 0));
    expect(await evidence.file(ID, "/file", 100)).toEqual({ kind: "none" });
    const { evidence: empty } = await looking({});
    expect(await empty.file(ID, "/file", 100)).toEqual({ kind: "none" });
  });
});
