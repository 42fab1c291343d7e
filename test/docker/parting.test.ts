/** The sidecar is told to end: does the engine end too? It goes on answering on the connections that it has. */
import { rmSync } from "node:fs";
import { expect, test } from "vitest";
import { connected, ID, thrownBy } from "./connected.ts";
import type { Answer } from "./server.ts";

const START = `POST /containers/${ID}/start`;
const PONG: Answer = { status: 200 };

test("an engine that stays does what it is told", async () => {
  const { docker, asked } = await connected({ "GET /_ping": PONG, [START]: { status: 204 } });
  expect(await docker.stays()).toBe(true);
  await docker.start(ID);
  expect(asked.at(-1)?.path).toMatch(/\/start$/);
});

test.each<[string, Answer, boolean]>([
  ["takes no new connection", PONG, true],
  ["leaves it to its successor", { status: 200, trouble: "hangs" }, false],
  ["is refused by what stands before it", { status: 503 }, false],
])("an engine that ends, and %s, is told nothing more", async (_, answer, isDeaf) => {
  const { docker, asked, socket } = await connected({
    "GET /_ping": answer,
    "GET /containers/json": { status: 200, body: [] },
    [START]: { status: 204 },
  });
  // Its connection is kept, and answered on.
  await docker.list();
  if (isDeaf) rmSync(socket);
  const asking = docker.stays();
  // Not before the answer either.
  const starting = thrownBy(docker.start(ID));
  expect(await asking).toBe(false);
  expect((await starting).code).toBe("docker-unreachable");
  expect(asked.filter(({ method }) => method === "POST")).toEqual([]);
});
