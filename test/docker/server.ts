/** A tiny HTTP server on a unix socket in place of an engine: canned answers, and what it was asked. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  /** Sent as it is, in pieces. */
  readonly chunks?: readonly string[];
  /** Instead of the answer the connection breaks, or nothing ever comes; or what comes has no end. */
  readonly trouble?: "breaks" | "hangs" | "stalls";
  readonly headers?: Readonly<Record<string, string>>;
}

/** By `METHOD /path` without the API version; of several, one after the other, and the last one again and again. */
export type Answers = Readonly<Record<string, Answer | readonly Answer[]>>;

export function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "sidecrypt-docker-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return join(folder, "docker.sock");
}

export async function serve(answers: Answers, apiVersion = "1.41"): Promise<{ socket: string; asked: Asked[] }> {
  const socket = socketPath();
  const asked: Asked[] = [];
  const times = new Map<string, number>();
  const known: Answers = { "GET /version": { status: 200, body: { ApiVersion: apiVersion } }, ...answers };
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://engine");
      const text = Buffer.concat(pieces).toString();
      const isJson = request.headers["content-type"] === "application/json";
      const body: unknown = isJson ? JSON.parse(text) : text === "" ? null : text;
      const method = request.method ?? "";
      asked.push({ method, path: url.pathname, query: Object.fromEntries(url.searchParams), body });
      const call = `${method} ${url.pathname.replace(/^\/v1\.\d+/, "")}`;
      const [time, row] = [times.get(call) ?? 0, [known[call]].flat()];
      times.set(call, time + 1);
      const answer = row[Math.min(time, row.length - 1)];
      if (answer === undefined) {
        response.writeHead(404, { "content-type": "application/json" });
        response.end(JSON.stringify({ message: "no such thing" }));
        return;
      }
      if (answer.trouble === "breaks") request.socket.destroy();
      if (answer.trouble === "breaks" || answer.trouble === "hangs") return;
      response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
      for (const chunk of answer.chunks ?? []) response.write(chunk);
      if (answer.trouble === "stalls") return;
      response.end(answer.body === undefined ? "" : JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { socket, asked };
}
