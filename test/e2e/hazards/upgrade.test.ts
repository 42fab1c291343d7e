/** Containers that an older engine made, and that run on under a newer one: what becomes of what only the older one took. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { connectEngine } from "../../../src/docker/engine.ts";
import type { DockerPort } from "../../../src/docker/port.ts";
import { createCandidate, discard, mustInspect } from "../../../src/roll/swap.ts";
import { PrivateEngine } from "../harness/private-engine.ts";
import { contextOf, MARK, replace, replaceForGood } from "../harness/replace.ts";

const [OLD, NEW] = ["20.10", "28.5"];
const SYSCTL = "net.ipv4.conf.eth0.log_martians";

let engine: PrivateEngine | null = null;
let docker: DockerPort;
const ids = { limited: "", first: "", second: "" };

beforeAll(async () => {
  engine = await PrivateEngine.start(["sidecrypt-redis"], await PrivateEngine.pathOf(OLD));
  await engine.stopDaemon("SIGTERM");
  await engine.startDaemon("--live-restore");
  ids.limited = await run(engine, "--kernel-memory", "50m");
  ids.first = await run(engine, "--sysctl", `${SYSCTL}=1`);
  await engine.docker("network", "create", "other");
  ids.second = await run(engine, "--sysctl", `${SYSCTL.replace("eth0", "eth1")}=1`);
  await engine.stopDaemon("SIGTERM");
  engine.upgrade(await PrivateEngine.pathOf(NEW));
  await engine.startDaemon("--live-restore");
  docker = await connectEngine(engine.socket, { clock: systemClock, callTimeout: 60_000 });
});

afterAll(() => engine?.remove());

async function run(on: PrivateEngine, ...options: readonly string[]): Promise<string> {
  const create = ["create", "--stop-signal=SIGKILL", "--entrypoint=sleep", ...options, "sidecrypt-redis", "infinity"];
  const id = (await on.docker(...create)).trim();
  if (options.join().includes("eth1")) await on.docker("network", "connect", "other", id);
  await on.docker("start", id);
  return id;
}

test("H24: a limit that the newer one no longer takes is left out", async () => {
  expect((await mustInspect({ docker }, ids.limited)).hostConfig).toHaveProperty("KernelMemory");
  const { newId } = await replaceForGood(docker, ids.limited);
  const copy = await mustInspect({ docker }, newId);
  expect(copy.state).toBe("running");
  expect(copy.hostConfig).not.toHaveProperty("KernelMemory");
});

test("H25: the sysctl of an interface goes over to its endpoint, and is set in the copy", async () => {
  expect((await mustInspect({ docker }, ids.first)).hostConfig["Sysctls"]).toEqual({ [SYSCTL]: "1" });
  const { newId, said } = await replace(docker, ids.first);
  // That the way back is cut off is said before the old one is stopped.
  const message = expect.stringContaining(`this engine sets ${SYSCTL} by the network alone`) as string;
  expect(said).toContainEqual({ event: "copy-warning", fields: expect.objectContaining({ message }) as object });
  await expect(docker.start(ids.first)).rejects.toMatchObject({ code: "docker-refused" });
  await discard(contextOf(docker, []), ids.first);
  const { hostConfig, networks } = await mustInspect({ docker }, newId);
  expect(hostConfig["Sysctls"] ?? {}).toEqual({});
  expect(networks["bridge"]?.["DriverOpts"]).toEqual({
    "com.docker.network.endpoint.sysctls": `${SYSCTL.replace("eth0", "IFNAME")}=1`,
  });
  const set = await engine?.docker("exec", newId, "cat", `/proc/sys/${SYSCTL.replaceAll(".", "/")}`);
  expect(set?.trim()).toBe("1");
});

test("H25: that of a second interface is refused by name, and its container runs on", async () => {
  const old = await mustInspect({ docker }, ids.second);
  const candidate = createCandidate(contextOf(docker, []), old, MARK, new Map());
  await expect(candidate).rejects.toMatchObject({
    code: "not-supported",
    message: expect.stringContaining(`no longer takes its sysctl ${SYSCTL.replace("eth0", "eth1")}`) as string,
  });
  expect((await docker.list()).map(({ id }) => id)).toHaveLength(3);
  expect((await mustInspect({ docker }, ids.second)).state).toBe("running");
});
