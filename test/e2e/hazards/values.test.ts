/** Options of a container that inspect hides, mangles or fills in (H9-H15, H18-H26): the copy has them all the same. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { comparable } from "../harness/compare.ts";
import {
  apiOf,
  composeVerdicts,
  contextOf,
  copyOf,
  idle,
  replace,
  replaceForGood,
  usePlainStack,
  type Versions,
} from "../harness/replace.ts";
import { must } from "../harness/run.ts";
import type { Stack } from "../harness/stack.ts";
import { waitUntil } from "../harness/wait.ts";
import type { Json } from "../../../src/docker/port.ts";
import { discard, compare, mustInspect } from "../../../src/roll/swap.ts";
import { refuseUncopyable } from "../../../src/roll/spec.ts";

const port = 20_000 + Math.floor(Math.random() * 10_000);

const RANGE = `${port - 100}-${port - 90}`;

const servicesOf = ({ api }: Versions) => ({
  reset: idle({ entrypoint: [], command: ["sleep", "infinity"] }),
  environment: idle({ environment: ["ZULU=1", "ALPHA=2", "MIKE=a=b c", "EMPTY="] }),
  ports: idle({ ports: ["6379", `127.0.0.1:${port}:6380`, "7000-7001"], expose: ["8080"] }),
  ranged: idle({ ports: [`127.0.0.1:${RANGE}:6380`] }),
  healthy: idle({
    healthcheck: { test: ["CMD", "true"], interval: "1s", timeout: "2s", retries: 4, start_period: "3s" },
  }),
  // Without the interval of its start, it would be healthy in an hour.
  starting: idle({
    healthcheck: {
      test: ["CMD", "true"],
      interval: "1h",
      start_period: "1h",
      ...(api >= START_INTERVAL ? { start_interval: "500ms" } : {}),
    },
  }),
  unchecked: idle({ healthcheck: { test: ["NONE"] } }),
  stopping: idle({ stop_signal: "SIGQUIT", stop_grace_period: "3s", init: true }),
  volumes: idle({
    volumes: [
      "/anonymous",
      "named:/named/",
      { type: "volume", target: "/sourceless" },
      { type: "volume", source: "named", target: "/read-only", read_only: true },
      { type: "tmpfs", target: "/memory", tmpfs: { size: 1_000_000 } },
      { type: "bind", source: ".", target: "/bound", read_only: true },
    ],
    tmpfs: ["/data"],
  }),
  always: idle({ restart: "always" }),
  limits: idle({
    cpus: 0.5,
    mem_limit: "64m",
    memswap_limit: "128m",
    mem_swappiness: 0,
    pids_limit: 50,
    shm_size: "8m",
    ulimits: { nofile: 1024 },
    security_opt: ["seccomp:unconfined"],
    group_add: ["1234"],
    init: true,
    userns_mode: "host",
    devices: ["/dev/null:/dev/zilch:r"],
    sysctls: { "net.core.somaxconn": "99" },
    annotations: { "com.example.note": "kept" },
  }),
  quota: idle({ cpu_quota: 50_000, cpu_period: 100_000, pids_limit: -1 }),
  // The engine warns of each, and drops the weight where the kernel has none.
  warned: idle({ oom_kill_disable: true, blkio_config: { weight: 300 } }),
});
/** API versions: the first that knows it, or no longer does. */
const START_INTERVAL = 44;
const NO_KERNEL_MEMORY = 42;

const SERVICES = Object.keys(servicesOf({ api: 0, compose: 0 }));
const stackOf = usePlainStack((there) => ({ services: servicesOf(there), volumes: { named: {} } }));

test.each(SERVICES)("H9, H14, H23, H24, H26: %s is the same container after each of two rolls", async (service) => {
  const { stack, docker } = stackOf();
  const before = await stack.inspect(service);
  await replaceForGood(docker, before.Id);
  await replaceForGood(docker, (await stack.inspect(service)).Id);
  const after = await stack.inspect(service);

  expect(after.Id).not.toBe(before.Id);
  expect(after.State.Running).toBe(true);
  expect(comparable(after)).toEqual(comparable(before));
});

test("H10: a reset entrypoint stays reset", async () => {
  const { stack } = stackOf();
  expect(await stack.engine.docker("top", (await stack.inspect("reset")).Id, "-eo", "pid,args")).toMatch(
    /^\s*\d+\s+sleep infinity$/m,
  );
});

test("H11: order, duplicates and names without a value stay in the environment", async () => {
  const { stack, docker } = stackOf();
  const Env = ["B=1", "A=2", "B=3", "UNSET", "EMPTY="];
  const name = `${stack.project}-environment`;
  const labels = { "com.docker.compose.project": stack.project };
  const body = {
    Image: "sidecrypt-redis",
    Entrypoint: ["sleep", "infinity"],
    Env,
    Labels: labels,
    StopSignal: "SIGKILL",
    HostConfig: {},
  };
  const id = await docker.create(name, { body, connect: [] });
  await docker.start(id);
  const given = (await mustInspect({ docker }, id)).environment;
  const { newId } = await replaceForGood(docker, id);

  const kept = (await mustInspect({ docker }, newId)).environment;
  expect(kept).toEqual(given);
  expect(kept.slice(0, Env.length)).toEqual(Env);
  await stack.engine.docker("rm", "--force", newId);
});

test("H12: a tag that was moved does not change the image, and is told of", async () => {
  const { stack, docker } = stackOf();
  const tag = `${stack.project}:moving`;
  await stack.engine.docker("tag", "sidecrypt-redis", tag);
  const run = [
    "run",
    "--detach",
    "--stop-signal=SIGKILL",
    "--label",
    `com.docker.compose.project=${stack.project}`,
    "--entrypoint",
    "sleep",
    tag,
    "infinity",
  ];
  const id = (await stack.engine.docker(...run)).trim();
  const { image } = await mustInspect({ docker }, id);
  await stack.engine.docker("tag", "sidecrypt-bot", tag);

  const { newId, said } = await replaceForGood(docker, id);

  expect((await mustInspect({ docker }, newId)).image).toBe(image);
  const message = expect.stringContaining(`${tag} names another image by now`) as string;
  expect(said).toContainEqual({ event: "copy-warning", fields: expect.objectContaining({ message }) as object });
  await stack.engine.docker("rm", "--force", newId);
  await stack.engine.docker("rmi", tag);
});

test("H12: an image of another platform is copied with its platform", async () => {
  const { stack, docker } = stackOf();
  const tag = `${stack.project}:foreign`;
  await loadForeign(tag, stack);
  const create = [
    "create",
    "--platform",
    "linux/arm64",
    "--label",
    `com.docker.compose.project=${stack.project}`,
    tag,
    "sleep",
    "infinity",
  ];
  const id = (await stack.engine.docker(...create)).trim();
  const ctx = contextOf(docker, []);
  const old = await mustInspect(ctx, id);

  const swap = await copyOf(ctx, old);

  await compare(ctx, old, swap.newId, new Map());
  expect((await docker.image((await mustInspect(ctx, swap.newId)).image))?.platform.architecture).toBe("arm64");
  await stack.engine.docker("rm", "--force", id, swap.newId);
  await stack.engine.docker("rmi", tag);
});

test("H13: fixed ports stay, and the log says which the engine chooses", async () => {
  const { stack, docker } = stackOf();
  const { said } = await replaceForGood(docker, (await stack.inspect("ports")).Id);
  const messages = said.filter((one) => one.event === "copy-warning").map((one) => String(one.fields["message"]));
  expect(messages).toEqual([expect.stringMatching(/chooses new ports on the host for (?!.*6380).*6379\/tcp/)]);
  const ports = await stack.engine.docker("port", (await stack.inspect("ports")).Id);
  expect(ports).toContain(`6380/tcp -> 127.0.0.1:${port}`);
  expect(ports).toMatch(/7001\/tcp -> /);
});

test("H13: of a range of ports it gets one again, and the log says that it may be another", async () => {
  const { stack, docker } = stackOf();
  const { said } = await replaceForGood(docker, (await stack.inspect("ranged")).Id);
  const messages = said.filter((one) => one.event === "copy-warning").map((one) => String(one.fields["message"]));
  expect(messages).toEqual([
    expect.stringMatching(/ranged-1: the engine chooses new ports on the host for 6380\/tcp$/),
  ]);
  const { Id, HostConfig } = await stack.inspect("ranged");
  expect(HostConfig["PortBindings"]).toEqual({ "6380/tcp": [{ HostIp: "127.0.0.1", HostPort: RANGE }] });
  const given = /^6380\/tcp -> 127\.0\.0\.1:(\d+)$/.exec((await stack.engine.docker("port", Id)).trim())?.[1];
  const [first = 0, last = 0] = RANGE.split("-").map(Number);
  expect(Number(given)).toBeGreaterThanOrEqual(first);
  expect(Number(given)).toBeLessThanOrEqual(last);
});

test("H15: the grace period of the container is its own, not ours", async () => {
  const { stack, docker } = stackOf();
  const { Id } = await stack.inspect("stopping");
  const { newId } = await replace(docker, Id);
  // Its process has no handler but init passes the signal on: ended by it, not by a kill after the grace period.
  expect((await mustInspect({ docker }, Id)).exitCode).toBe(131);
  await discard(contextOf(docker, []), Id);
  expect((await mustInspect({ docker }, newId)).config["StopTimeout"]).toBe(3);
});

test("H18, H19: every volume has its content, and none is mounted twice", async () => {
  const { stack, docker } = stackOf();
  const paths = ["/anonymous", "/sourceless", "/named"];
  for (const path of paths) await stack.exec("volumes", "sh", "-c", `echo ${path} > ${path}/kept`);
  await replaceForGood(docker, (await stack.inspect("volumes")).Id);

  for (const path of paths) expect((await stack.exec("volumes", "cat", `${path}/kept`)).stdout).toBe(`${path}\n`);
  expect((await stack.exec("volumes", "touch", "/read-only/new")).code).not.toBe(0);
  const targets = (await stack.inspect("volumes")).Mounts.map((mount) => mount.Destination);
  expect(new Set(targets).size).toBe(targets.length);
});

test("H21: a container that removes itself is refused, and stays", async () => {
  const { stack, docker } = stackOf();
  const run = [
    "run",
    "--detach",
    "--stop-signal=SIGKILL",
    "--rm",
    "--label",
    `com.docker.compose.project=${stack.project}`,
    "--entrypoint",
    "sleep",
    "sidecrypt-redis",
    "infinity",
  ];
  const id = (await stack.engine.docker(...run)).trim();
  const old = await mustInspect({ docker }, id);
  expect(() => {
    refuseUncopyable(old, [old]);
  }).toThrow("it is started with --rm");
  expect((await mustInspect({ docker }, id)).state).toBe("running");
  await stack.engine.docker("rm", "--force", id);
});

test("H22: the kept old container does not come up again, its copy does", async () => {
  const { stack, docker } = stackOf();
  const { Id } = await stack.inspect("always");
  const { newId } = await replace(docker, Id);
  expect((await mustInspect({ docker }, Id)).restartPolicy).toBe("no");
  expect((await mustInspect({ docker }, newId)).restartPolicy).toBe("always");
  await discard(contextOf(docker, []), Id);
});

test("H24: the engine takes back what it showed of limits that were changed later", async () => {
  const { stack, docker } = stackOf();
  const { Id } = await stack.inspect("quota");
  await stack.engine.docker("update", "--pids-limit", "0", "--cpu-shares", "256", Id);
  const { newId } = await replaceForGood(docker, Id);
  expect((await mustInspect({ docker }, newId)).hostConfig["CpuShares"]).toBe(256);
});

test("H24: a limit of the kernel's memory stays as long as the engine's API has it, and nothing is refused later", async () => {
  const { stack, docker } = stackOf();
  // As a client made it that knows no newer API: the engine shows it ever after.
  const env = { ...stack.engine.env, DOCKER_API_VERSION: "1.41" };
  const run = ["run", "--detach", "--stop-signal=SIGKILL", "--kernel-memory=50m", ...mine(stack)];
  const id = (await must("docker", [...run, "--entrypoint", "sleep", "sidecrypt-redis", "infinity"], { env })).trim();
  const { hostConfig } = await mustInspect({ docker }, id);

  const { newId } = await replaceForGood(docker, id);

  const copied = (await mustInspect({ docker }, newId)).hostConfig["KernelMemory"];
  expect(copied).toBe(apiOf(docker) < NO_KERNEL_MEMORY ? hostConfig["KernelMemory"] : undefined);
  await stack.engine.docker("rm", "--force", newId);
});

test("H24: the limit of the buffers of TCP stays on every engine", async () => {
  const { stack, docker } = stackOf();
  const body = {
    Image: "sidecrypt-redis",
    Entrypoint: ["sleep", "infinity"],
    StopSignal: "SIGKILL",
    Labels: { "com.docker.compose.project": stack.project },
    HostConfig: { KernelMemoryTCP: 50_000_000 },
  };
  const id = await docker.create(`${stack.project}-tcp`, { body, connect: [] });
  await docker.start(id);
  const { hostConfig } = await mustInspect({ docker }, id);

  const { newId } = await replaceForGood(docker, id);

  // A kernel of the second kind of control groups has none: the engine says so, and drops it.
  expect((await mustInspect({ docker }, newId)).hostConfig["KernelMemoryTCP"]).toBe(hostConfig["KernelMemoryTCP"]);
  await stack.engine.docker("rm", "--force", newId);
});

test("H25: sysctls, those of an interface too, are set in the copy", async () => {
  const { stack, docker } = stackOf();
  const sysctl = "net.ipv4.conf.eth0.log_martians";
  const isMoved = apiOf(docker) >= 48;
  // An engine that no longer takes it among the container's own takes it as the copy has it.
  const given = isMoved
    ? [
        "--network",
        `name=${stack.project}_default,"driver-opt=com.docker.network.endpoint.sysctls=${sysctl.replace("eth0", "IFNAME")}=1"`,
      ]
    : ["--network", `${stack.project}_default`, "--sysctl", `${sysctl}=1`];
  const run = [
    "run",
    "--detach",
    "--stop-signal=SIGKILL",
    "--label",
    `com.docker.compose.project=${stack.project}`,
    ...given,
    "--entrypoint",
    "sleep",
    "sidecrypt-redis",
    "infinity",
  ];
  const id = (await stack.engine.docker(...run)).trim();
  const { newId } = await replaceForGood(docker, id);

  const { stdout } = await stack.engine.tryDocker("exec", newId, "cat", `/proc/sys/${sysctl.replaceAll(".", "/")}`);
  expect(stdout.trim()).toBe("1");
  await stack.engine.docker("rm", "--force", newId);
});

test("H26: a request for GPUs is copied, though no machine here has one", async () => {
  const { stack, docker } = stackOf();
  const create = [
    "create",
    "--gpus",
    'all,"capabilities=compute,utility"',
    "--label",
    `com.docker.compose.project=${stack.project}`,
    "sidecrypt-redis",
  ];
  const id = (await stack.engine.docker(...create)).trim();
  const ctx = contextOf(docker, []);
  const old = await mustInspect(ctx, id);
  const swap = await copyOf(ctx, old);

  await compare(ctx, old, swap.newId, new Map());
  expect((await mustInspect(ctx, swap.newId)).hostConfig["DeviceRequests"]).toEqual(old.hostConfig["DeviceRequests"]);
  await stack.engine.docker("rm", "--force", id, swap.newId);
});

test("H14: the copy's healthcheck runs", async () => {
  const { stack } = stackOf();
  await waitUntil(
    "the copy is healthy",
    async () => (await stack.inspect("healthy")).State.Health?.Status === "healthy",
  );
  expect((await stack.inspect("unchecked")).State.Health).toBeUndefined();
});

test("H14: the interval of its start is the copy's too, on an engine that has one", async () => {
  const { stack, docker } = stackOf();
  const isKnown = apiOf(docker) >= START_INTERVAL;
  await replaceForGood(docker, (await stack.inspect("starting")).Id);
  const { Config } = await stack.inspect("starting");
  expect((Config["Healthcheck"] as Json)["StartInterval"]).toBe(isKnown ? 500e6 : undefined);
  const isHealthy = async () => (await stack.inspect("starting")).State.Health?.Status === "healthy";
  if (isKnown) await waitUntil("the copy is healthy", isHealthy);
});

test("H37: docker compose up afterwards leaves all of them alone", async () => {
  const verdicts = await composeVerdicts(stackOf().stack);
  expect(verdicts).toMatchObject(Object.fromEntries(SERVICES.map((name) => [name, "Running"])));
});

const mine = (stack: Stack): string[] => ["--label", `com.docker.compose.project=${stack.project}`];

/** An image of one empty layer for another architecture: it is never started. */
async function loadForeign(tag: string, stack: Stack): Promise<void> {
  const at = join(stack.directory, "foreign");
  const layer = Buffer.alloc(1024);
  const digest = createHash("sha256").update(layer).digest("hex");
  const rootfs = { type: "layers", diff_ids: [`sha256:${digest}`] };
  const config = { architecture: "arm64", os: "linux", config: { Cmd: ["none"] }, rootfs };
  await mkdir(at);
  await writeFile(join(at, "layer.tar"), layer);
  await writeFile(join(at, "config.json"), JSON.stringify(config));
  const manifest = [{ Config: "config.json", RepoTags: [tag], Layers: ["layer.tar"] }];
  await writeFile(join(at, "manifest.json"), JSON.stringify(manifest));
  await must("tar", ["-cf", "image.tar", "manifest.json", "config.json", "layer.tar"], { cwd: at });
  await stack.engine.docker("load", "--input", join(at, "image.tar"));
}
