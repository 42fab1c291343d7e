/** Each check of doctor once on a stack that has just that trouble, and none on a good one. */
import { describe, expect, it } from "vitest";
import { parseModel } from "../../src/compose-model/index.ts";
import { viewOf, type ImageFacts } from "../../src/compose-model/view.ts";
import { diagnose, NO_FACTS, type Facts, type PathFact } from "../../src/doctor/index.ts";
import { goodModel, type Raw, type RawService } from "../compose-model/models.ts";

const file = (over: Partial<PathFact> = {}): PathFact => ({ kind: "file", uid: 0, gid: 0, mode: 0o600, ...over });
const GOOD: Facts = {
  ...NO_FACTS,
  paths: new Map([
    ["/srv/secrets", file({ kind: "directory", mode: 0o755 })],
    ["/srv/age.key", file()],
    ["/var/run/docker.sock", file({ kind: "socket", gid: 998, mode: 0o660 })],
  ]),
  names: ["BOT1_API_KEY", "BOT1_SECRET"],
  kernel: "6.1.0-18-amd64",
  swap: false,
};

interface Spoiled {
  readonly change?: (raw: Raw) => void;
  readonly facts?: Partial<Facts>;
  readonly images?: ReadonlyMap<string, ImageFacts>;
}

function findings({ change, facts, images }: Spoiled) {
  const raw = goodModel();
  change?.(raw);
  return diagnose(viewOf(parseModel(JSON.stringify(raw)), images), { ...GOOD, ...facts });
}

const checks = (spoiled: Spoiled): string[] => findings(spoiled).map(({ severity, check }) => `${severity} ${check}`);
const path = (name: string, fact: PathFact): Partial<Facts> => ({ paths: new Map([...GOOD.paths, [name, fact]]) });
const bot = (raw: Raw): RawService => raw.services.bot1;
const secrets = (raw: Raw): RawService => raw.services.secrets;
const drop = (raw: Raw) => raw.volumes["bot1-secrets"].driver_opts;

it("a good stack has nothing to mend", () => {
  expect(checks({})).toEqual([]);
});

describe("the sidecar", () => {
  it.each<[string, string, Spoiled]>([
    ["not there", "error no-sidecar", { change: (raw) => Object.assign(raw.services, { secrets: undefined }) }],
    ["no key", "error key-unreadable", { change: (raw) => secrets(raw).volumes.splice(1, 1) }],
    ["a key that is not there", "error key-unreadable", { facts: path("/srv/age.key", file({ kind: "missing" })) }],
    ["a key that is a directory", "error key-unreadable", { facts: path("/srv/age.key", file({ kind: "directory" })) }],
    ["somebody else's key", "error key-unreadable", { facts: path("/srv/age.key", file({ uid: 1000 })) }],
    [
      "a key of root's for another user",
      "error key-unreadable",
      { change: (raw) => Object.assign(secrets(raw), { user: "10001:10001", group_add: ["998"] }) },
    ],
    ["everybody's key", "warning key-open", { facts: path("/srv/age.key", file({ mode: 0o644 })) }],
    ["no socket", "error socket-missing", { change: (raw) => secrets(raw).volumes.splice(2, 1) }],
    [
      "a socket that is a directory",
      "error socket-directory",
      { facts: path("/var/run/docker.sock", file({ kind: "directory", mode: 0o755 })) },
    ],
    [
      "a socket that it may not open",
      "error socket-forbidden",
      { facts: path("/var/run/docker.sock", file({ kind: "socket", uid: 1000, gid: 998, mode: 0o660 })) },
    ],
    [
      "a socket that its group may only read",
      "error socket-forbidden",
      {
        change: (raw) => Object.assign(secrets(raw), { group_add: ["998"] }),
        facts: path("/var/run/docker.sock", file({ kind: "socket", uid: 1000, gid: 998, mode: 0o640 })),
      },
    ],
    ["no bundle's directory", "error bundle-missing", { facts: path("/srv/secrets", file({ kind: "missing" })) }],
    ["a bundle mounted alone", "error bundle-single-file", { facts: path("/srv/secrets", file()) }],
    ["no restart", "warning restart-missing", { change: (raw) => delete secrets(raw)["restart"] }],
    ["no time to end", "warning grace-too-short", { change: (raw) => delete secrets(raw)["stop_grace_period"] }],
  ])("%s", (_, expected, spoiled) => {
    expect(checks(spoiled)).toEqual([expected]);
  });

  /** In place of the bind. */
  const keyAsSecret = (raw: Raw): void => {
    secrets(raw).volumes.splice(1, 1);
    secrets(raw).environment["SOPS_AGE_KEY_FILE"] = "/run/secrets/age";
    secrets(raw)["secrets"] = [{ source: "age" }];
    raw["secrets"] = { age: { name: "stack_age", file: "/srv/age.key" } };
  };

  it("may have its key as a secret of Compose, which is a bind of a file like another", () => {
    expect(checks({ change: keyAsSecret })).toEqual([]);
    const missing = path("/srv/age.key", file({ kind: "missing" }));
    expect(checks({ change: keyAsSecret, facts: missing })).toEqual(["error key-unreadable"]);
  });

  it("is the service with the key, whatever its image is called and however it comes by the key", () => {
    const change = (raw: Raw): void => {
      keyAsSecret(raw);
      secrets(raw)["image"] = "registry.example/ours";
    };
    expect(checks({ change })).toEqual([]);
  });

  it("with capabilities reads whatever there is, and with the group opens the socket", () => {
    const change = (raw: Raw): void => {
      delete secrets(raw)["cap_drop"];
    };
    expect(checks({ change, facts: path("/srv/age.key", file({ uid: 1000 })) })).toEqual([]);
    const hardened = (raw: Raw): void => void Object.assign(secrets(raw), { user: "10001:10001", group_add: ["998"] });
    expect(checks({ change: hardened, facts: path("/srv/age.key", file({ uid: 10001, mode: 0o400 })) })).toEqual([]);
  });
});

describe("a drop", () => {
  const old = { type: "tmpfs", device: "tmpfs", o: "size=1m,mode=2750,gid=999,noexec,nosuid,nodev" };
  const noswap = (raw: Raw): void => {
    drop(raw).o += ",noswap";
  };
  it.each<[string, string, Spoiled]>([
    ["with old options", "error volume-outdated", { facts: { volumes: new Map([["stack_bot1-secrets", old]]) } }],
    ["from a disk", "error volume-outdated", { facts: { volumes: new Map([["stack_bot1-secrets", {}]]) } }],
    ["with noswap on an old kernel", "error noswap-unsupported", { change: noswap }],
    ["with swap on", "warning swap-without-noswap", { facts: { swap: true } }],
    ["for another group", "error group-differs", { change: (raw) => (bot(raw)["user"] = "1000:1001") }],
    [
      "for another group than the processes'",
      "error group-differs",
      {
        facts: {
          processes: new Map([
            [
              "bot1",
              [
                { uid: 0, gid: 0 },
                { uid: 999, gid: 999 },
              ],
            ],
          ]),
        },
      },
    ],
    [
      "for another group than the image's",
      "error group-differs",
      {
        change: (raw) => delete bot(raw)["user"],
        images: new Map([["bot", { user: "999:999", healthTest: null }]]),
      },
    ],
  ])("%s", (_, expected, spoiled) => {
    expect(checks(spoiled)).toEqual([expected]);
  });

  it("is as it should be: the same options in another order, noswap on a new kernel, root, a group that fits", () => {
    const same = { ...old, o: "gid=1000,size=1m,mode=2750,nodev,nosuid,noexec" };
    expect(checks({ facts: { volumes: new Map([["stack_bot1-secrets", same]]) } })).toEqual([]);
    expect(checks({ change: noswap, facts: { kernel: "6.4.0", swap: true } })).toEqual([]);
    expect(checks({ change: (raw) => (bot(raw)["user"] = "0:0") })).toEqual([]);
    expect(checks({ facts: { processes: new Map([["bot1", [{ uid: 1000, gid: 1000 }]]]) } })).toEqual([]);
  });

  it("the way to new options names what has to go first", () => {
    const [one] = findings({ facts: { volumes: new Map([["stack_bot1-secrets", old]]) } });
    expect(one?.hint).toBe(
      "docker compose rm --stop --force bot1 secrets && docker volume rm stack_bot1-secrets && docker compose up -d",
    );
  });
});

describe("a consumer", () => {
  const at = (target: string) => ({ type: "bind", source: "/srv/x", target });
  it.each<[string, string, Spoiled]>([
    [
      "with a label that nobody knows",
      "error label-invalid",
      { change: (raw) => (bot(raw).labels["sidecrypt.oder"] = "x") },
    ],
    [
      "that asks for what is not there",
      "error secret-missing",
      { change: (raw) => (bot(raw).labels["sidecrypt.secrets"] = "BOT1_API") },
    ],
    [
      "that sets what it asks for",
      "error env-shadows-secret",
      { change: (raw) => (bot(raw).environment["BOT1_API_KEY"] = "x") },
    ],
    [
      "that sets the file's name",
      "error env-shadows-secret",
      { change: (raw) => (bot(raw).environment["API_KEY"] = "x") },
    ],
    [
      "that sets what a glob asks for, the bundle not known",
      "error env-shadows-secret",
      { change: (raw) => (bot(raw).environment["BOT1_OTHER"] = "x"), facts: { names: null } },
    ],
    ["whose drop the sidecar has not", "error drop-unpaired", { change: (raw) => secrets(raw).volumes.pop() }],
    ["without a drop", "error drop-unpaired", { change: (raw) => (bot(raw).volumes = []) }],
    [
      "with a secret of Compose",
      "error mount-in-secrets",
      { change: (raw) => (bot(raw)["secrets"] = [{ source: "one" }]) },
    ],
    [
      "with a mount below",
      "error mount-in-secrets",
      { change: (raw) => bot(raw).volumes.push(at("/run/secrets/ca.pem")) },
    ],
    ["that does not wait", "warning not-waited-for", { change: (raw) => delete bot(raw)["depends_on"] }],
  ])("%s", (_, expected, spoiled) => {
    expect(checks(spoiled)).toEqual([expected]);
  });

  it("may set other names, and mount elsewhere", () => {
    expect(checks({ change: (raw) => (bot(raw).environment["BOT1_OTHER"] = "x") })).toEqual([]);
    expect(checks({ change: (raw) => bot(raw).volumes.push(at("/run/secrets.d")) })).toEqual([]);
  });
});

describe("a healthcheck", () => {
  const test = (...words: string[]): Spoiled => ({ change: (raw) => (bot(raw)["healthcheck"] = { test: words }) });
  it.each([
    [["CMD", "redis-cli", "ping"]],
    [["CMD-SHELL", 'redis-cli -a "$$(cat /run/secrets/P)" ping']],
    [["CMD", "pg_isready", "-U", "postgres"]],
    [["CMD-SHELL", "mysqladmin ping -h localhost"]],
    [["CMD-SHELL", "check-login || exit 0"]],
    [["CMD", "true"]],
    [["CMD-SHELL", "curl -s http://localhost/"]],
    [["CMD", "sh", "-c", "pgrep bot"]],
  ])("proves nothing: %j", (words) => {
    expect(checks(test(...words))).toEqual(["warning healthcheck-proves-nothing"]);
  });

  it.each([
    [["CMD-SHELL", "redis-cli ping | grep -qx PONG"]],
    [["CMD-SHELL", '[ "$$(redis-cli ping)" = PONG ]']],
    [["CMD", "curl", "-fsS", "http://localhost/"]],
    [["CMD", "check-login"]],
    [["CMD-SHELL", "check-login || exit 1"]],
  ])("may prove something: %j", (words) => {
    expect(checks(test(...words))).toEqual([]);
  });

  it("is missing where the file switches it off and where the image has none, and unknown where the image is", () => {
    const without = (raw: Raw): void => {
      delete bot(raw)["healthcheck"];
    };
    expect(checks(test("NONE"))).toEqual(["warning healthcheck-missing"]);
    const images = new Map([["bot", { user: "", healthTest: ["NONE"] }]]);
    expect(checks({ change: without, images })).toEqual(["warning healthcheck-missing"]);
    expect(checks({ change: without })).toEqual([]);
  });

  it("need not be there with a probe, or where nothing is rolled", () => {
    for (const [label, value] of [
      ["sidecrypt.probe", "check"],
      ["sidecrypt.on-change", "none"],
    ] as const) {
      const change = (raw: Raw): void => {
        bot(raw)["healthcheck"] = { disable: true };
        bot(raw).labels[label] = value;
      };
      expect(checks({ change })).toEqual([]);
    }
  });
});

it("what could not be asked is said, and what the sidecar's own code says stands first", () => {
  const fault = { code: "key-malformed", subject: "/run/age.key", message: "no identity", hint: "keygen" } as const;
  const unasked = [{ subject: "engine", why: "no answer" }];
  expect(checks({ facts: { faults: [fault], unasked } })).toEqual(["error key-malformed", "warning not-looked-at"]);
});

describe("who else has the engine", () => {
  const bind = (source: string, target: string) => ({ type: "bind", source, target });
  const bound = { type: "none", o: "bind", device: "/var/run" };
  const mounts = (raw: Raw, ...more: Record<string, unknown>[]) => bot(raw).volumes.push(...more);

  it.each<[string, Spoiled]>([
    ["the socket", { change: (raw) => mounts(raw, bind("/run/docker.sock", "/x")) }],
    ["the directory that holds it", { change: (raw) => mounts(raw, bind("/var/run", "/x")) }],
    ["what the engine keeps while it runs", { change: (raw) => mounts(raw, bind("/run/docker", "/x")) }],
    [
      "the sidecar's own socket, under any name",
      {
        change: (raw) => {
          Object.assign(secrets(raw).volumes[2] ?? {}, { source: "/srv/engine/e.socket" });
          mounts(raw, bind("/srv/engine", "/x"));
        },
        facts: path("/srv/engine/e.socket", file({ kind: "socket", gid: 998, mode: 0o660 })),
      },
    ],
    [
      "a volume of the file that is a bind of it",
      {
        change: (raw) => {
          raw.volumes["run"] = { name: "stack_run", driver_opts: bound };
          mounts(raw, { type: "volume", source: "run", target: "/x", volume: {} });
        },
      },
    ],
    [
      "a volume of the engine that is a bind of it",
      {
        change: (raw) => {
          raw.volumes["run"] = { name: "elsewhere", external: true };
          mounts(raw, { type: "volume", source: "run", target: "/x", volume: {} });
        },
        facts: { volumes: new Map([["elsewhere", bound]]) },
      },
    ],
    [
      "what a look has found to be it",
      {
        change: (raw) => mounts(raw, bind("/tmp/x.sock", "/x")),
        facts: { sockets: new Map([["bot1", ["/x"]]]) },
      },
    ],
  ])("has %s", (_, spoiled) => {
    const found = findings(spoiled);
    expect(found.map(({ severity, check, subject }) => [severity, check, subject])).toEqual([
      ["warning", "engine-in-reach", "bot1"],
    ]);
    expect(found[0]?.message).toContain("/x");
  });

  it("is nobody with directories of its own", () => {
    expect(checks({ change: (raw) => mounts(raw, bind("/srv/bot", "/x"), bind("/tmp/y.sock", "/y")) })).toEqual([]);
  });
});
