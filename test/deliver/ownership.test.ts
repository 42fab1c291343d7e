/** Who can read (DESIGN.md): a sidecar of uid 0 without one capability, and readers by their primary group. */
import { execFileSync } from "node:child_process";
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OLD, mountedDrop, outcome, program } from "./drops.ts";

const NO_CAPABILITIES = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
const UNPRIVILEGED = [...NO_CAPABILITIES, "--reuid=10001", "--regid=10001", "--clear-groups"];

interface Said {
  capabilities: string;
  delivered?: string;
  code?: string;
  message?: string;
  hint?: string;
}

async function deliverAs(prefix: readonly string[], path: string): Promise<Said> {
  const { out, errors } = await outcome(program("deliver-once.program.ts", [path], prefix));
  expect(errors).toBe("");
  const said = JSON.parse(out) as Said;
  expect(said.capabilities).toMatch(/^0+$/);
  return said;
}

function shown(path: string): string {
  const { uid, gid, mode } = lstatSync(path);
  return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
}

function readAs(uid: number, gid: number, path: string): string {
  const user = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"];
  try {
    return execFileSync("setpriv", [...user, "cat", path], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "denied";
  }
}

test("uid 0 without a capability writes 0440 files of the drop's group, and keeps set-group-id", async () => {
  const drop = mountedDrop("size=1m,mode=2750,gid=1000,noexec,nosuid,nodev");
  // mkdtemp made a parent that only root enters: readers come by the mount in real life.
  execFileSync("chmod", ["o+x", join(drop.path, "..")]);
  expect(await deliverAs(NO_CAPABILITIES, drop.path)).toMatchObject({ delivered: "b".repeat(16) });
  expect(shown(drop.path)).toBe("0:1000 2750");
  expect(shown(join(drop.path, `..gen-${OLD}`))).toBe("0:1000 2750");
  expect(shown(join(drop.path, `..gen-${OLD}`, "API_KEY"))).toBe("0:1000 440");
  expect(readAs(1000, 1000, join(drop.path, "API_KEY"))).toBe("k-1");
  expect(readAs(999, 999, join(drop.path, "API_KEY"))).toBe("denied");
});

test("a drop of mode 2755 gives files that everyone in the container reads", async () => {
  const drop = mountedDrop("size=1m,mode=2755,gid=1000");
  expect(await deliverAs(NO_CAPABILITIES, drop.path)).toMatchObject({ delivered: "b".repeat(16) });
  expect(shown(join(drop.path, `..gen-${OLD}`))).toBe("0:1000 2755");
  expect(shown(join(drop.path, `..gen-${OLD}`, "API_KEY"))).toBe("0:1000 444");
  expect(readAs(999, 999, join(drop.path, "API_KEY"))).toBe("k-1");
});

test("another user writes where uid= makes the drop its own", async () => {
  const drop = mountedDrop("size=1m,mode=2750,uid=10001,gid=1000");
  expect(await deliverAs(UNPRIVILEGED, drop.path)).toMatchObject({ delivered: "b".repeat(16) });
  expect(shown(join(drop.path, `..gen-${OLD}`, "API_KEY"))).toBe("10001:1000 440");
});

test.each([
  [
    "no set-group-id: the files would come out in the sidecar's group",
    NO_CAPABILITIES,
    "mode=0750,gid=1000",
    "mode 0750 has no set-group-id",
  ],
  ["a drop of somebody else", UNPRIVILEGED, "mode=2750,gid=1000", "0:1000 2750"],
  [
    "uid 0 without capabilities on a drop of another uid",
    NO_CAPABILITIES,
    "mode=2750,uid=10001,gid=1000",
    "10001:1000 2750",
  ],
])("%s is refused with the line to paste", async (_, prefix, options, saw) => {
  const drop = mountedDrop(`size=1m,${options}`);
  const said = await deliverAs(prefix, drop.path);
  expect(said.code).toBe("drop-unwritable");
  expect(said.message).toContain(saw);
  expect(said.hint).toContain("mode=2750");
  expect(said.hint).toContain("gid=1000");
});

test("a umask that takes the group's access is found out", async () => {
  const drop = mountedDrop("size=1m,mode=2750,gid=1000");
  const said = await deliverAs(["sh", "-c", 'umask 077; exec "$@"', "sh", ...NO_CAPABILITIES], drop.path);
  expect(said).toMatchObject({ code: "drop-unwritable", message: expect.stringContaining("umask") as string });
});
