/** What the machine says of who has the engine's socket: files of this test's own, and no engine. */
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { factsOfHost } from "../../src/cli/doctor-host.ts";
import type { Io } from "../../src/cli/io.ts";
import { viewOf } from "../../src/compose-model/view.ts";
import { model } from "../compose-model/models.ts";

let directory: string;
let server: Server;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sc-doctor-"));
  await mkdir(join(directory, "run"));
  server = createServer().listen(join(directory, "run/engine.sock"));
});

afterEach(async () => {
  server.close();
  await rm(directory, { recursive: true });
});

const io = {
  env: { DOCKER_HOST: "unix:///run/docker.sock" },
  docker: () => Promise.resolve({ code: 1, stdout: "", stderr: "" }),
} as unknown as Io;

test("the engine's socket is known behind a link and in a directory, and another file is none", async () => {
  await symlink(join(directory, "run/engine.sock"), join(directory, "link"));
  await symlink(join(directory, "run"), join(directory, "linked-run"));
  const bind = (name: string) => ({ type: "bind", source: join(directory, name), target: `/${name}` });
  const view = viewOf(
    model((raw) => {
      Object.assign(raw.services.secrets.volumes[2] ?? {}, { source: join(directory, "run/engine.sock") });
      raw.volumes["bound"] = {
        name: "b",
        driver_opts: { type: "none", o: "bind", device: join(directory, "linked-run") },
      };
      const volume = { type: "volume", source: "bound", target: "/bound", volume: {} };
      raw.services.bot1.volumes.push(bind("link"), bind("linked-run"), bind("run/other"), bind("."), volume);
    }),
  );
  const { sockets } = await factsOfHost(view, io);
  expect([...sockets]).toEqual([["bot1", ["/link", "/linked-run", "/bound"]]]);
});
