/** Containers that live in another's namespaces or on its volumes, when that one is replaced (H20, H23, H34, H35). */
import { expect, test } from "vitest";
import { comparable } from "../harness/compare.ts";
import { contextOf, idle, replace, replaceForGood, usePlainStack, MARK } from "../harness/replace.ts";
import { serviceOf, type Stack } from "../harness/stack.ts";
import { createCandidate, mustInspect } from "../../../src/roll/swap.ts";

const stackOf = usePlainStack({
  services: {
    parent: idle({ volumes: ["/shared", "named:/named"], ipc: "shareable", hostname: "parent", expose: ["6379"] }),
    net: idle({ network_mode: "service:parent", depends_on: ["parent"] }),
    pid: idle({ pid: "service:parent", depends_on: ["parent"] }),
    ipc: idle({ ipc: "service:parent", depends_on: ["parent"] }),
    volumes: idle({ volumes_from: ["parent:ro"], volumes: ["/own"] }),
    all: idle({
      network_mode: "service:parent",
      pid: "service:parent",
      ipc: "service:parent",
      volumes_from: ["parent"],
    }),
    uts: idle({ uts: "host" }),
    host: idle({ network_mode: "host" }),
  },
  volumes: { named: {} },
});

const project = (stack: Stack): string[] => ["--label", `com.docker.compose.project=${stack.project}`];
const CHILDREN = ["net", "pid", "ipc", "volumes", "all"];

/** Ids of others replaced by a word, so that a child of the old and one of the new compare equal. */
function relative(container: Parameters<typeof comparable>[0], parent: string): string {
  return JSON.stringify(comparable(container)).replaceAll(parent, "PARENT").replaceAll(parent.slice(0, 12), "SHORT");
}

test(
  "H20, H34, H35: each kind of child goes over to its parent's successor, and shares with it",
  { timeout: 240_000 },
  async () => {
    const { stack, docker } = stackOf();
    const parent = await stack.inspect("parent");
    await stack.exec("parent", "sh", "-c", "echo anonymous > /shared/file; echo named > /named/file");
    const before = Object.fromEntries(
      (await stack.containers()).map((one) => [serviceOf(one), relative(one, parent.Id)] as const),
    );
    await stack.exec("volumes", "sh", "-c", "echo own > /own/file");

    const ids = await stack.ids();
    // Compose 2.26 loses the flag itself.
    const run = ["run", "--detach", "--stop-signal=SIGKILL", "--volumes-from", `${parent.Id}:ro`, "--entrypoint=sleep"];
    const reader = (await stack.engine.docker(...run, ...project(stack), "sidecrypt-redis", "infinity")).trim();
    // Those in its process namespace die with it: the kernel ends whatever is left there.
    const { newId } = await replace(docker, parent.Id);
    const replaced = new Map([[parent.Id, newId]]);
    for (const service of CHILDREN) await replaceForGood(docker, ids[service]!, replaced);
    const { newId: readerId } = await replaceForGood(docker, reader, replaced);
    await docker.remove(parent.Id);

    for (const service of CHILDREN) {
      const child = await stack.inspect(service);
      expect(child.State.Running, service).toBe(true);
      expect(relative(child, newId), service).toBe(before[service]);
    }
    const successor = await stack.inspect("parent");
    const look = async (service: string, kind: string) =>
      (await stack.exec(service, "readlink", `/proc/self/ns/${kind}`)).stdout;
    for (const service of ["net", "all"]) {
      expect(await look(service, "net")).toBe(await look("parent", "net"));
      expect((await stack.exec(service, "cat", "/proc/net/dev")).stdout).toContain("eth0");
    }
    for (const service of ["pid", "all"]) expect(await look(service, "pid")).toBe(await look("parent", "pid"));
    for (const service of ["ipc", "all"]) expect(await look(service, "ipc")).toBe(await look("parent", "ipc"));
    for (const service of ["volumes", "all"]) {
      expect((await stack.exec(service, "cat", "/shared/file", "/named/file")).stdout).toBe("anonymous\nnamed\n");
    }
    // H18: its own anonymous volume is carried beside those that it shares.
    expect((await stack.exec("volumes", "cat", "/own/file")).stdout).toBe("own\n");
    expect((await docker.inspect(readerId))?.hostConfig["VolumesFrom"]).toEqual([`${newId}:ro`]);
    expect((await stack.engine.tryDocker("exec", readerId, "touch", "/shared/new")).code).not.toBe(0);
    await stack.engine.docker("rm", "--force", readerId);
    expect(successor.Config.Hostname).toBe("parent");
  },
);

test("H34: a child that the map does not name is copied with the parent that it has", async () => {
  const { stack, docker } = stackOf();
  const parent = await stack.inspect("parent");
  const { newId } = await replaceForGood(docker, (await stack.inspect("net")).Id);
  expect((await docker.inspect(newId))?.hostConfig["NetworkMode"]).toBe(`container:${parent.Id}`);
});

test("H35: beside the host's name or network nothing is sent that is refused there", async () => {
  const { stack, docker } = stackOf();
  for (const service of ["uts", "host"]) {
    const before = await stack.inspect(service);
    await replaceForGood(docker, before.Id);
    const after = await stack.inspect(service);
    expect(after.Id).not.toBe(before.Id);
    expect(comparable(after)).toEqual(comparable(before));
  }
});

test("H34: a child whose parent does not run is refused before it is touched", async () => {
  const { stack, docker } = stackOf();
  const child = await stack.inspect("net");
  const parent = await stack.inspect("parent");
  await stack.engine.docker("stop", parent.Id);

  const ctx = contextOf(docker, []);
  const old = await mustInspect(ctx, child.Id);
  const candidate = createCandidate(ctx, old, MARK, new Map());
  await expect(candidate).rejects.toMatchObject({
    code: "not-supported",
    message: expect.stringContaining("parent-1, whose namespaces or volumes it shares, does not run") as string,
  });
  expect((await stack.containersOf("net")).map((one) => one.Id)).toEqual([child.Id]);
  await stack.engine.docker("start", parent.Id);
});
