import { describe, expect, test } from "vitest";
import { findSelf, ownIds } from "../../src/daemon/self.ts";
import type { DockerPort, Inspected } from "../../src/docker/port.ts";
import { recorded } from "../roll/inspects.ts";

const ID = "0123456789ab".padEnd(64, "c");
const OTHER = "ba9876543210".padEnd(64, "d");

/** /proc/self/mountinfo, shortened: Docker binds three files from the container's own directory. */
const bound = (root: string, id: string, files = ["resolv.conf", "hostname", "hosts"]): string =>
  files
    .map((file, index) => {
      return `${512 + index} 498 254:1 ${root}/containers/${id}/${file} /etc/${file} rw,relatime - ext4 /dev/vda1 rw`;
    })
    .join("\n");

const CGROUP_V1 = `
498 421 0:52 / / ro,relatime master:173 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/AAA,upperdir=/var/lib/docker/overlay2/${"e".repeat(64)}/diff
504 503 0:29 /docker/${ID} /sys/fs/cgroup/systemd ro,nosuid,nodev,noexec,relatime master:9 - cgroup cgroup rw,xattr,name=systemd
${bound("/var/lib/docker", ID)}
`;

const CGROUP_V2 = `
498 421 0:52 / / ro,relatime master:173 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/AAA
503 500 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate
${bound("/var/lib/docker", ID)}
`;

/** With network_mode none there is no resolv.conf of the container's. */
const NETWORK_NONE = CGROUP_V2.replace(/^.*resolv\.conf.*\n/m, "");

describe("ownIds", () => {
  test.each([
    ["a host with cgroup v1", CGROUP_V1],
    ["a host with cgroup v2", CGROUP_V2],
    ["network_mode none", NETWORK_NONE],
    ["a moved data root", bound("/mnt/disk/docker-data", ID)],
    ["a rootless engine", bound("/home/me/.local/share/docker", ID)],
    ["one file of the three", bound("/var/lib/docker", ID, ["hostname"])],
  ])("%s", (_, mountinfo) => {
    expect(ownIds({ mountinfo, hostname: "chosen" })).toEqual([ID]);
  });

  test("a hostname that looks like a short id is the last resort", () => {
    expect(ownIds({ mountinfo: "", hostname: "0123456789ab" })).toEqual(["0123456789ab"]);
    expect(ownIds({ mountinfo: CGROUP_V2, hostname: "ba9876543210" })).toEqual([ID, "ba9876543210"]);
  });

  test.each(["", "secrets", "0123456789AB", "0123456789abc"])("the hostname %j is not", (hostname) => {
    expect(ownIds({ mountinfo: "", hostname })).toEqual([]);
  });

  test("neither layers nor volumes are containers", () => {
    const layer = `498 421 0:52 / / rw - overlay overlay rw,upperdir=/var/lib/docker/overlay2/${"e".repeat(64)}/diff`;
    const volume = `9 8 0:1 /docker/volumes/${"f".repeat(64)}/_data /data rw - ext4 /dev/vda1 rw`;
    const log = `9 8 0:1 /var/lib/docker/containers/${OTHER}/mounts/shm /dev/shm rw - tmpfs shm rw`;
    expect(ownIds({ mountinfo: [layer, volume, log].join("\n"), hostname: "h" })).toEqual([]);
  });
});

describe("findSelf", () => {
  const inspecting = (known: Readonly<Record<string, Inspected>>): DockerPort =>
    ({ inspect: (id: string) => Promise.resolve(known[id] ?? null) }) as unknown as DockerPort;
  const sources = { mountinfo: CGROUP_V2, hostname: "0123456789ab", stateDir: "/named" };

  test("drops are the volumes that it mounts writable, its state left out", async () => {
    const self = await findSelf(inspecting({ [ID]: recorded("db") }), sources);
    expect(self).toMatchObject({ id: recorded("db").id, project: "stack", service: "db" });
    expect(self.drops.map(({ path }) => path)).toEqual(["/anonymous", "/data"]);
  });

  test("the first id that the engine knows counts", async () => {
    const self = await findSelf(inspecting({ "0123456789ab": recorded("plain") }), sources);
    expect(self.service).toBe("plain");
  });

  test("an engine that knows none of them is another one", async () => {
    await expect(findSelf(inspecting({}), sources)).rejects.toMatchObject({ code: "self-unknown" });
  });

  test("a container that Compose did not make is refused", async () => {
    await expect(findSelf(inspecting({ [ID]: recorded("bridge") }), sources)).rejects.toMatchObject({
      code: "self-unknown",
    });
  });
});
