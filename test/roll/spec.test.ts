import { describe, expect, test } from "vitest";
import { refuseOrphan, refuseParent, refuseUncopyable } from "../../src/roll/spec.ts";
import { copyOf, imageOf, JOURNAL, recorded, withConfig, withHost } from "./inspects.ts";

const db = recorded("db");
const child = recorded("child");
const plain = recorded("plain");

describe("configuration", () => {
  test("passes through what nobody has to treat (H9, H11, H14, H23)", () => {
    const { body, host } = copyOf(db);
    for (const key of ["Env", "Cmd", "Healthcheck", "StopTimeout", "StopSignal", "Volumes", "User"]) {
      expect(body[key], key).toEqual(db.config[key]);
    }
    for (const key of ["RestartPolicy", "Ulimits", "Sysctls", "CapDrop", "PortBindings", "Tmpfs", "Binds"]) {
      expect(host[key], key).toEqual(db.hostConfig[key]);
    }
    expect(body["Env"]).toContain("UNSET");
  });

  test("H1: the old short id is no hostname of the new one", () => {
    expect(copyOf(db).body).not.toHaveProperty("Hostname");
  });

  test("H1: a hostname that somebody chose stays", () => {
    expect(copyOf(plain).body["Hostname"]).toBe("plainhost");
    expect(copyOf(withConfig(db, { Hostname: db.id.slice(0, 11) })).body["Hostname"]).toBe(db.id.slice(0, 11));
  });

  test.each([null, [], undefined])("H10: an entrypoint that was reset (%j) stays reset", (Entrypoint) => {
    const image = imageOf(db, ["/bin/false"]);
    expect(copyOf(withConfig(db, { Entrypoint }), { image }).body["Entrypoint"]).toEqual([""]);
  });

  test("H10: where the image has none either, nothing is invented", () => {
    expect(copyOf(db).body["Entrypoint"]).toBeNull();
    expect(copyOf(plain, { image: imageOf(plain, ["/bin/false"]) }).body["Entrypoint"]).toEqual(["sleep", "600"]);
  });

  test.each([
    ["still names the image", imageOf(db), "example"],
    ["names another one by now", { ...imageOf(db), id: `sha256:${"f".repeat(64)}` }, db.image],
    ["is gone", null, db.image],
  ])("H12: the tag %s", (_, tagged, sent) => {
    expect(copyOf(db, { tagged }).body["Image"]).toBe(sent);
  });

  test("H11: the environment keeps its order, duplicates, and names without a value", () => {
    const Env = ["B=1", "A=2", "B=3", "UNSET", "EMPTY="];
    expect(copyOf(withConfig(db, { Env })).body["Env"]).toEqual(Env);
  });

  test("H12: an image of another platform than the engine's is asked for as such", () => {
    const arm = { os: "linux", architecture: "arm64", variant: "v8" };
    expect(copyOf(db, { image: { ...imageOf(db), platform: arm } }).platform).toEqual(arm);
    expect(copyOf(db).platform).toBeUndefined();
    expect(copyOf(db, { image: { ...imageOf(db), platform: { ...arm, architecture: "" } } }).platform).toBeUndefined();
  });

  test("H14: a healthcheck that was switched off, and one with an interval for its start", () => {
    for (const Healthcheck of [{ Test: ["NONE"] }, { Test: ["CMD", "true"], StartInterval: 5, StartPeriod: 9 }]) {
      expect(copyOf(withConfig(db, { Healthcheck })).body["Healthcheck"]).toEqual(Healthcheck);
    }
  });

  test("H15: neither a timeout nor a signal of ours", () => {
    expect(plain.config).not.toHaveProperty("StopTimeout");
    const { body } = copyOf(plain);
    expect(body).not.toHaveProperty("StopTimeout");
    expect(body["StopSignal"]).toBe("SIGKILL");
  });

  test("H37: Compose's labels verbatim, the journal's own replaced", () => {
    const again = { ...db, labels: { ...db.labels, "sidecrypt.unit": "an older roll", "sidecrypt.replaces": "older" } };
    expect(copyOf(again).body["Labels"]).toEqual({ ...db.labels, ...JOURNAL });
  });
});

describe("mounts", () => {
  test("H18: volumes without a name of their own are carried", () => {
    const anonymous = db.mounts.find((mount) => mount.destination === "/anonymous")!;
    const declared = db.mounts.find((mount) => mount.destination === "/data")!;
    const mounts = copyOf(db).host["Mounts"] as readonly Record<string, unknown>[];
    expect(mounts).toHaveLength(4);
    expect(mounts).toContainEqual({
      Type: "volume",
      Source: anonymous.name,
      Target: "/anonymous",
      VolumeOptions: {},
    });
    expect(mounts).toContainEqual({ Type: "volume", Source: declared.name, Target: "/data", ReadOnly: false });
  });

  test("H18: a carried volume that was read-only stays so", () => {
    const readOnly = { ...plain, mounts: plain.mounts.map((mount) => ({ ...mount, writable: false })) };
    expect(copyOf(readOnly).host["Mounts"]).toEqual([
      { Type: "volume", Source: plain.mounts[0]!.name, Target: "/data", ReadOnly: true },
    ]);
  });

  test("H19: what Binds, Mounts and Tmpfs give already is not given twice", () => {
    const { host } = copyOf(withHost(db, { Tmpfs: { "/scratch": "", "/data": "size=1m" } }));
    const targets = (host["Mounts"] as readonly Record<string, unknown>[]).map((mount) => mount["Target"]);
    expect(targets).toEqual(["/run/secrets", "/named", "/anonymous"]);
    expect(host["Binds"]).toEqual(["/srv/stack/img:/bound:ro"]);
  });

  test("H19: a volume given by Binds is not appended", () => {
    const name = plain.mounts[0]!.name;
    expect(copyOf(withHost(plain, { Binds: [`${name}:/data:rw`] })).host["Mounts"]).toEqual([]);
  });

  test("H20: volumes of another container come from it, not from a copy", () => {
    const source = { ...db, mounts: plain.mounts };
    const { host } = copyOf(withHost(plain, { VolumesFrom: [`${db.id}:ro`] }), { sources: [source] });
    expect(host["VolumesFrom"]).toEqual([`${db.id}:ro`]);
    expect(host["Mounts"]).toEqual([]);
  });

  test("H18: beside them, volumes of its own are carried", () => {
    const { host } = copyOf(withHost(plain, { VolumesFrom: [db.id] }), { sources: [db] });
    expect((host["Mounts"] as Record<string, unknown>[]).map((mount) => mount["Target"])).toEqual(["/data"]);
  });

  test("H19: a target that was written with needless slashes is the same target", () => {
    const name = plain.mounts[0]!.name;
    expect(copyOf(withHost(plain, { Binds: [`${name}:/data/`] })).host["Mounts"]).toEqual([]);
    const Mounts = [{ Type: "volume", Source: "", Target: "//data/" }];
    expect(copyOf(withHost(plain, { Mounts })).host["Mounts"]).toEqual([{ ...Mounts[0], Source: name }]);
  });

  test("H22: the copy is asked for the original restart policy", () => {
    expect(copyOf(db).host["RestartPolicy"]).toEqual({ Name: "on-failure", MaximumRetryCount: 3 });
  });
});

describe("namespaces", () => {
  test("H35: in another's network namespace neither hostname, ports nor networks may be sent", () => {
    const { body, endpoints, connect } = copyOf(child);
    expect(body).not.toHaveProperty("Hostname");
    expect(body).not.toHaveProperty("ExposedPorts");
    expect(body).not.toHaveProperty("NetworkingConfig");
    expect(endpoints).toBeUndefined();
    expect(connect).toEqual([]);
  });

  test("H35: outside one, exposed ports stay", () => {
    expect(copyOf(db).body["ExposedPorts"]).toEqual({ "80/tcp": {} });
  });

  test.each(["NetworkMode", "PidMode", "IpcMode"])("H34: nobody may depend on the old one by %s", (key) => {
    const other = withHost(plain, { [key]: `container:${db.id}` });
    expect(() => {
      refuseParent(db, [db, other]);
    }).toThrow(`container stack-db-1 cannot be replaced: container ${other.name} shares`);
  });

  test("H34: nor by its volumes", () => {
    expect(() => {
      refuseParent(db, [withHost(plain, { VolumesFrom: [`${db.id}:ro`] })]);
    }).toThrow("shares its namespaces or volumes");
  });

  test("H21: nothing is kept of a container that removes itself", () => {
    expect(() => {
      refuseUncopyable(withHost(db, { AutoRemove: true }), []);
    }).toThrow("it is started with --rm");
  });

  test("H27: nor by a link of the default bridge", () => {
    const linked = withHost(plain, { Links: [`/${db.name}:/${plain.name}/db`] });
    expect(() => {
      refuseUncopyable(db, [db, linked]);
    }).toThrow(`container ${plain.name} links to it on the default bridge`);
    refuseUncopyable(plain, [db, linked]);
  });

  test.each([
    ["gone", null, "container 012345678901, whose namespaces or volumes it shares, is gone"],
    [
      "stopped",
      { ...db, state: "exited" as const },
      `container ${db.name}, whose namespaces or volumes it shares, does not run`,
    ],
  ])("H34: a child whose parent is %s cannot be replaced", (_, parent, why) => {
    const id = `012345678901${"0".repeat(52)}`;
    expect(() => {
      refuseOrphan(withHost(plain, { PidMode: `container:${id}` }), new Map([[id, parent]]));
    }).toThrow(why);
  });

  test("H20: one that has only the volumes of a stopped container can", () => {
    refuseOrphan(withHost(plain, { VolumesFrom: ["db:ro"] }), new Map([["db", { ...db, state: "exited" }]]));
  });

  test("a child itself may be copied", () => {
    refuseParent(child, [db, child, plain]);
  });
});
