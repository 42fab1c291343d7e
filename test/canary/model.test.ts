/** The user's own stack, beside it and cut off from everything that is real. */
import { describe, expect, it } from "vitest";
import { parseModel } from "../../src/compose-model/index.ts";
import { rewriteModel, type Canary } from "../../src/canary/model.ts";
import { goodModel, model, type Raw, type RawService } from "../compose-model/models.ts";

const CANARY: Canary = {
  project: "stack-canary-1",
  bundleDir: "/tmp/c/secrets",
  keyFile: "/tmp/c/age.key",
  emptyFile: "/tmp/c/empty",
  files: new Set(["/srv/bot.sqlite"]),
  sockets: new Set(["/srv/listens"]),
  missing: new Set(["/srv/not-there"]),
};

/** As Compose is given it. */
function rewritten(change?: (raw: Raw) => void): Raw & { networks: unknown; name: string } {
  return JSON.parse(JSON.stringify(rewriteModel(model(change), CANARY).model)) as never;
}

const bot = (raw: Raw): RawService => raw.services.bot1;

it("has a name of its own, in everything that Docker names", () => {
  const { name, volumes, networks } = rewritten();
  expect(name).toBe("stack-canary-1");
  expect(JSON.stringify({ volumes, networks })).not.toContain("stack_");
});

it("keeps what a service is: image, user, labels, environment, health check, its drop and what it mounts to read", () => {
  const conf = { type: "bind", source: "/srv/conf", target: "/conf", read_only: true };
  const { bot1 } = rewritten((raw) => bot(raw).volumes.push(conf)).services;
  const { bot1: before } = goodModel().services;
  for (const key of ["image", "user", "labels", "environment", "healthcheck", "depends_on"]) {
    expect(bot1[key], key).toEqual(before[key]);
  }
  expect(bot1.volumes).toEqual([...before.volumes, conf]);
  expect(rewritten().volumes["bot1-secrets"]).toEqual({ driver_opts: goodModel().volumes["bot1-secrets"].driver_opts });
});

it("gives the sidecar the canary's bundle and key, an empty state, and the engine's socket", () => {
  const { secrets } = rewritten((raw) => {
    raw.services.secrets.environment = { SIDECRYPT_ALLOWED_SIGNERS: "/signers", SIDECRYPT_DOTENV: "raw" };
  }).services;
  expect(secrets.volumes.map(({ type, source, target }) => [type, source, target])).toEqual([
    ["bind", "/tmp/c/secrets", "/bundle"],
    ["bind", "/tmp/c/age.key", "/run/age.key"],
    ["bind", "/var/run/docker.sock", "/var/run/docker.sock"],
    ["volume", undefined, "/state"],
    ["volume", "bot1-secrets", "/drops/bot1"],
  ]);
  expect(secrets.environment).toEqual({ SIDECRYPT_DOTENV: "raw" });
});

describe("takes away", () => {
  it.each<[string, Record<string, unknown>]>([
    ["published ports", { ports: [{ target: 80, published: "80" }] }],
    ["fixed names", { container_name: "bot" }],
    ["logs that go elsewhere", { logging: { driver: "syslog" } }],
    ["devices and privileges", { privileged: true, devices: ["/dev/kvm"], device_cgroup_rules: ["c 1:3 mr"] }],
    ["the host's processes and names", { pid: "host", ipc: "host", uts: "host", cgroup: "host" }],
    ["the host's users", { userns_mode: "host" }],
    ["a runtime that the engine may not have", { runtime: "nvidia" }],
    ["what a program on the host makes", { provider: { type: "cloud" } }],
    ["the engine's socket of Compose's own", { use_api_socket: true }],
    ["another project's volumes", { volumes_from: ["container:other:ro"] }],
    ["the host's network", { network_mode: "host" }],
    ["another project's container", { network_mode: "container:other" }],
  ])("%s, and says so", (_, fields) => {
    const changed = model((raw) => Object.assign(bot(raw), fields));
    const { model: result, taken } = rewriteModel(changed, CANARY);
    const kept = JSON.parse(JSON.stringify(result.services["bot1"])) as RawService;
    for (const key of Object.keys(fields)) expect(kept[key]).toBeUndefined();
    expect(taken).toHaveLength(Object.keys(fields).length);
  });

  it("the way out of every network, addresses and names of networks", () => {
    const { networks, services } = rewritten((raw) => {
      raw["networks"] = {
        front: { name: "traefik", external: true },
        back: { name: "stack_back", ipam: { config: [{}] } },
      };
      bot(raw)["networks"] = { front: { ipv4_address: "10.1.1.1", aliases: ["bot"] }, back: null };
    });
    const cut = { internal: true };
    expect(networks).toEqual({ default: cut, front: cut, back: cut });
    expect(services.bot1["networks"]).toEqual({ front: { aliases: ["bot"] }, back: null });
  });

  it("volumes of others and writable binds: empty ones take their places, and a file's is an empty file", () => {
    const bind = (source: string, target: string, read_only = false) => ({ type: "bind", source, target, read_only });
    const { volumes, services } = rewritten((raw) => {
      raw.volumes["data"] = { name: "production", external: true };
      raw.volumes["nfs"] = { name: "stack_nfs", driver_opts: { type: "nfs", device: ":/x", o: "addr=10.0.0.1" } };
      bot(raw).volumes.push(
        bind("/srv/data", "/data"),
        bind("/srv/data", "/again"),
        bind("/srv/bot.sqlite", "/bot.sqlite"),
        bind("/srv/not-there", "/not-there", true),
        bind("/var/run/docker.sock", "/var/run/docker.sock"),
      );
    });
    expect([volumes["data"], volumes["nfs"]]).toEqual([{}, {}]);
    expect(
      services.bot1.volumes
        .slice(1)
        .map(({ type, source, target }) => `${String(type)} ${String(source)} ${String(target)}`),
    ).toEqual([
      "volume canary-1 /data",
      "volume canary-1 /again",
      "bind /tmp/c/empty /bot.sqlite",
      "volume canary-2 /not-there",
      "bind /tmp/c/empty /var/run/docker.sock",
    ]);
    expect([volumes["canary-1"], volumes["canary-2"]]).toEqual([{}, {}]);
  });

  it("whatever leads to the engine or to others' processes and files, read-only too: empty ones take their places", () => {
    const wide = ["/", "/proc", "/run", "/var/run", "/var/lib/docker", "/var/lib/docker/volumes", "/run/user/1000"];
    const sockets = ["/run/podman/podman.sock", "/srv/app.sock", "/srv/listens"];
    const kept = ["/srv/conf", "/run/user/1000/bot", "/etc/localtime"];
    const { model: result, taken } = rewriteModel(
      model((raw) => {
        Object.assign(raw.services.secrets.volumes[2] ?? {}, { source: "/run/user/1000/docker.sock" });
        bot(raw).volumes = [...wide, ...sockets, ...kept].map((source) => {
          return { type: "bind", source, target: `/host${source}`, read_only: true };
        });
      }),
      CANARY,
    );
    const mounts = (result.services["bot1"]?.volumes ?? []).map(({ type, source = "" }) => `${type} ${source}`);
    expect(mounts).toEqual([
      ...wide.map((_, at) => `volume canary-${at + 1}`),
      ...sockets.map(() => "bind /tmp/c/empty"),
      ...kept.map((source) => `bind ${source}`),
    ]);
    expect(taken).toEqual([...wide, ...sockets].map((source) => `bot1: the bind at /host${source}`));
  });

  it("devices that are reserved, and nothing else of a deployment", () => {
    const deploy = (devices?: unknown) => ({
      replicas: 2,
      resources: { limits: { memory: "1" }, reservations: { memory: "1", devices } },
    });
    const changed = model((raw) => (bot(raw)["deploy"] = deploy([{ capabilities: ["gpu"] }])));
    const { model: result, taken } = rewriteModel(changed, CANARY);
    expect(JSON.parse(JSON.stringify(result.services["bot1"]?.["deploy"]))).toEqual(deploy());
    expect(taken).toEqual(["bot1: the devices that it reserves"]);
  });

  it("capabilities that reach the host, and keeps those that do not", () => {
    const all = ["IPC_LOCK", "CAP_NET_BIND_SERVICE", "SYS_ADMIN", "CAP_SYS_PTRACE", "net_admin", "ALL"];
    const { model: result, taken } = rewriteModel(
      model((raw) => (bot(raw)["cap_add"] = all)),
      CANARY,
    );
    expect(result.services["bot1"]?.cap_add).toEqual(all.slice(0, 2));
    expect(taken).toEqual(all.slice(2).map((one) => `bot1: capability ${one}`));
  });

  it("the privileges of a hook, and keeps the hook", () => {
    const hooks = (privileged?: boolean) => [{ command: ["true"], privileged }];
    const { model: result, taken } = rewriteModel(
      model((raw) => Object.assign(bot(raw), { post_start: hooks(true), pre_stop: hooks(false) })),
      CANARY,
    );
    expect([result.services["bot1"]?.["post_start"], result.services["bot1"]?.["pre_stop"]]).toEqual([
      hooks(),
      hooks(),
    ]);
    expect(taken).toEqual(["bot1: privileges of post_start"]);
  });

  it("waits for what no canary can bring about, but for the sidecar", () => {
    const { bot1 } = rewritten((raw) => {
      Object.assign(bot(raw)["depends_on"] as object, { redis: { condition: "service_healthy", required: true } });
    }).services;
    expect(bot1["depends_on"]).toEqual({
      secrets: { condition: "service_healthy", required: true },
      redis: { condition: "service_started", required: true },
    });
  });
});

it("what services of the stack share of each other stays", () => {
  const { bot1 } = rewritten((raw) => {
    Object.assign(bot(raw), { ipc: "shareable", pid: "service:secrets", volumes_from: ["redis"] });
  }).services;
  expect([bot1["ipc"], bot1["pid"], bot1["volumes_from"]]).toEqual(["shareable", "service:secrets", ["redis"]]);
});

it("a secret of Compose that brings the real key gives way to the canary's, and others stay", () => {
  const { secrets } = rewritten((raw) => {
    raw.services.secrets.volumes.splice(1, 1);
    raw.services.secrets.environment["SOPS_AGE_KEY_FILE"] = "/run/secrets/age";
    raw.services.secrets["secrets"] = [{ source: "real", target: "age" }, { source: "other" }];
  }).services;
  expect(secrets.volumes[1]).toMatchObject({ source: "/tmp/c/age.key", target: "/run/secrets/age" });
  expect(secrets["secrets"]).toEqual([{ source: "other" }]);
});

it("an external drop is one in memory", () => {
  const { volumes } = rewritten((raw) => {
    Object.assign(raw.volumes, { "bot1-secrets": { name: "elsewhere", external: true } });
  });
  expect(volumes["bot1-secrets"].driver_opts.type).toBe("tmpfs");
});

it("can be read again as a model, and leaves the one that it was given alone", () => {
  const before = model();
  const copy = JSON.stringify(before);
  const { model: result } = rewriteModel(before, CANARY);
  expect(JSON.stringify(before)).toBe(copy);
  expect(parseModel(JSON.stringify(result)).name).toBe("stack-canary-1");
});

it("a file without a sidecar is refused", () => {
  const changed = model((raw) => Object.assign(raw.services, { secrets: undefined }));
  expect(() => rewriteModel(changed, CANARY)).toThrow("no service of the Compose file is a sidecrypt");
});
