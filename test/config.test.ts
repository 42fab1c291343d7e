import { describe, expect, it } from "vitest";
import { parseConfig, VARIABLES } from "../src/config.ts";
import { SidecryptError } from "../src/errors.ts";

function refusal(env: Record<string, string>): SidecryptError {
  try {
    parseConfig(env);
  } catch (thrown) {
    if (thrown instanceof SidecryptError) return thrown;
    throw thrown;
  }
  throw new Error("was accepted");
}

describe("the configuration", () => {
  it("has a default for everything", () => {
    expect(parseConfig({ PATH: "/usr/bin", HOSTNAME: "x" })).toEqual({
      bundles: [],
      bundleDir: "/bundle",
      keyFile: "/run/age.key",
      sshKeyFile: null,
      passphraseFile: null,
      allowedSigners: null,
      pins: { recipients: new Map(), rules: new Map() },
      allowOlder: "any",
      stateDir: "/state",
      dockerSocket: "/var/run/docker.sock",
      apiTimeout: 60_000,
      allowEmpty: new Set(),
      dotenv: "compose",
      debounce: 50,
      poll: 10_000,
      parallelism: 1,
      minInterval: 10_000,
      budget: { rolls: 10, window: 600_000 },
      stopGrace: 50_000,
      logLevel: "info",
    });
  });

  it("takes every variable", () => {
    const env = {
      SIDECRYPT_BUNDLE: "common.enc.env, more secrets/prod.enc.env",
      SIDECRYPT_BUNDLE_DIR: "secrets",
      SOPS_AGE_KEY_FILE: "age.key",
      SOPS_AGE_SSH_PRIVATE_KEY_FILE: "id_ed25519",
      SIDECRYPT_PASSPHRASE_FILE: "passphrase",
      SIDECRYPT_ALLOWED_SIGNERS: "/run/allowed_signers",
      SIDECRYPT_RECIPIENTS: "age1a, age1b\nprod.enc.env: age1a",
      SIDECRYPT_RULE: "encrypted_regex=^(A|B: C)$",
      SIDECRYPT_ALLOW_OLDER: "7c7a8a2dc918",
      SIDECRYPT_STATE: "/var/lib/sidecrypt",
      DOCKER_HOST: "unix:///run/user/1000/docker.sock",
      SIDECRYPT_API_TIMEOUT: "5s",
      SIDECRYPT_ALLOW_EMPTY: "A, B_C\nD",
      SIDECRYPT_DOTENV: "raw",
      SIDECRYPT_DEBOUNCE: "0s",
      SIDECRYPT_POLL: "1m30s",
      SIDECRYPT_PARALLELISM: "32",
      SIDECRYPT_MIN_INTERVAL: "0s",
      SIDECRYPT_BUDGET: "5/1h30m",
      SIDECRYPT_STOP_GRACE: "2m",
      SIDECRYPT_LOG_LEVEL: "warn",
    };
    expect(Object.keys(env)).toEqual(VARIABLES);
    expect(parseConfig(env)).toEqual({
      bundles: ["common.enc.env", "more secrets/prod.enc.env"],
      bundleDir: "secrets",
      keyFile: "age.key",
      sshKeyFile: "id_ed25519",
      passphraseFile: "passphrase",
      allowedSigners: "/run/allowed_signers",
      pins: {
        recipients: new Map([
          [null, ["age1a", "age1b"]],
          ["prod.enc.env", ["age1a"]],
        ]),
        rules: new Map([[null, "encrypted_regex=^(A|B: C)$"]]),
      },
      allowOlder: new Set(["7c7a8a2dc918"]),
      stateDir: "/var/lib/sidecrypt",
      dockerSocket: "/run/user/1000/docker.sock",
      apiTimeout: 5_000,
      allowEmpty: new Set(["A", "B_C", "D"]),
      dotenv: "raw",
      debounce: 0,
      poll: 90_000,
      parallelism: 32,
      minInterval: 0,
      budget: { rolls: 5, window: 5_400_000 },
      stopGrace: 120_000,
      logLevel: "warn",
    });
  });

  it("takes off for no budget", () => {
    expect(parseConfig({ SIDECRYPT_BUDGET: "off" }).budget).toBeNull();
  });

  it("takes no for none that is older", () => {
    expect(parseConfig({ SIDECRYPT_ALLOW_OLDER: "no" }).allowOlder).toEqual(new Set());
  });

  it.each([
    [
      { SIDECRYPT_RECIPIENTS: "c.env: age1a" },
      "SIDECRYPT_RECIPIENTS names c.env, which SIDECRYPT_BUNDLE does not list",
    ],
    [{ SIDECRYPT_RECIPIENTS: "a.env: age1a" }, "SIDECRYPT_RECIPIENTS says nothing of more/b.env"],
    [{ SIDECRYPT_RULE: "b.env: encrypted_suffix=_X" }, "SIDECRYPT_RULE says nothing of a.env"],
    [
      { SIDECRYPT_ALLOWED_SIGNERS: "/bundle/../bundle/allowed_signers" },
      "SIDECRYPT_ALLOWED_SIGNERS lies in the bundle directory: whoever can change a bundle could change who may sign it",
    ],
  ])("refuses what does not go together: %o", (env, message) => {
    expect(refusal({ SIDECRYPT_BUNDLE: "a.env, more/b.env", ...env })).toMatchObject({
      code: "config-invalid",
      message,
    });
  });

  it("takes an empty value for one that is not set, as Compose writes it", () => {
    const env = Object.fromEntries([...VARIABLES, "SOPS_AGE_KEY", "DEBUG", "NODE_DEBUG"].map((name) => [name, ""]));
    expect(parseConfig(env)).toEqual(parseConfig({}));
  });

  it.each([
    ["SIDECRYPT_POLL", "10", "SIDECRYPT_POLL must be a duration from 1s to 1h, such as 10s"],
    ["SIDECRYPT_POLL", "999ms", "SIDECRYPT_POLL must be a duration from 1s to 1h, such as 10s"],
    ["SIDECRYPT_POLL", "1h1s", "SIDECRYPT_POLL must be a duration from 1s to 1h, such as 10s"],
    ["SIDECRYPT_DEBOUNCE", "-1s", "SIDECRYPT_DEBOUNCE must be a duration from 0s to 1m, such as 50ms"],
    ["SIDECRYPT_STOP_GRACE", "soon", "SIDECRYPT_STOP_GRACE must be a duration from 0s to 1h, such as 50s"],
    ["SIDECRYPT_PARALLELISM", "0", "SIDECRYPT_PARALLELISM must be a number from 1 to 32"],
    ["SIDECRYPT_PARALLELISM", "33", "SIDECRYPT_PARALLELISM must be a number from 1 to 32"],
    ["SIDECRYPT_PARALLELISM", "2.5", "SIDECRYPT_PARALLELISM must be a number from 1 to 32"],
    ["SIDECRYPT_MIN_INTERVAL", "10", "SIDECRYPT_MIN_INTERVAL must be a duration from 0s to 1h, such as 10s"],
    ...["0/10m", "1001/10m", "10", "10/10", "10/999ms", "10/25h", "/10m", "none"].map((text) => [
      "SIDECRYPT_BUDGET",
      text,
      "SIDECRYPT_BUDGET must be 1 to 1000 rolls in 1s to 1d, such as 10/10m, or off",
    ]),
    ["SIDECRYPT_API_TIMEOUT", "0s", "SIDECRYPT_API_TIMEOUT must be a duration from 1s to 10m, such as 1m"],
    ["SIDECRYPT_DOTENV", "Raw", "SIDECRYPT_DOTENV must be compose or raw"],
    ["SIDECRYPT_LOG_LEVEL", "debug", "SIDECRYPT_LOG_LEVEL must be info, warn or error"],
    ["SIDECRYPT_ALLOW_EMPTY", "A=B", "SIDECRYPT_ALLOW_EMPTY must be names, space- or comma-separated"],
    ["SIDECRYPT_ALLOW_EMPTY", "A ".repeat(1001), "SIDECRYPT_ALLOW_EMPTY must not hold more than 1000 names"],
    ["SIDECRYPT_STATE", "/st\0ate", "SIDECRYPT_STATE holds a NUL byte"],
    ["SIDECRYPT_BUNDLE", "x".repeat(4097), "SIDECRYPT_BUNDLE is too long for a path"],
    ["SIDECRYPT_BUNDLE", "a.env, a.env", "SIDECRYPT_BUNDLE lists a bundle twice"],
    ["SIDECRYPT_BUNDLE", [...Array(33).keys()].join(), "SIDECRYPT_BUNDLE must not list more than 32 bundles"],
    ...["nobody", "AGE-SECRET-KEY-1X", "age1a: ", "ssh-ed25519"].map((text) => [
      "SIDECRYPT_RECIPIENTS",
      text,
      "SIDECRYPT_RECIPIENTS must be recipients (age1…, or an SSH public key), or lines that begin with NAME: for each bundle",
    ]),
    ...["_unencrypted", "encrypted_regex=", "a: encrypted_suffix=_X\na: encrypted_suffix=_Y"].map((text) => [
      "SIDECRYPT_RULE",
      text,
      "SIDECRYPT_RULE must be a rule such as unencrypted_suffix=_unencrypted, or lines that begin with NAME: for each bundle",
    ]),
    ...["maybe", "7c7a8a2dc91", "7c7a8a2dc918 no"].map((text) => [
      "SIDECRYPT_ALLOW_OLDER",
      text,
      "SIDECRYPT_ALLOW_OLDER must be yes, no, or 12 or more digits of a bundle's SHA-256",
    ]),
    ["DOCKER_HOST", "tcp://user:canary@host:2375", refusedScheme("tcp")],
    ["DOCKER_HOST", "ssh://host", refusedScheme("ssh")],
    ["DOCKER_HOST", "/var/run/docker.sock", refusedScheme("no scheme")],
    ["DOCKER_HOST", "unix://docker.sock", "DOCKER_HOST wants an absolute path, such as unix:///var/run/docker.sock"],
  ])("refuses %s=%s", (name, value, message) => {
    expect(refusal({ [name]: value })).toMatchObject({ code: "config-invalid", message });
  });

  it("names every variable that is wrong, at once", () => {
    const { message } = refusal({ SIDECRYPT_DOTENV: "yaml", SIDECRYPT_LOG_LEVEL: "loud" });
    expect(message).toBe("SIDECRYPT_DOTENV must be compose or raw; SIDECRYPT_LOG_LEVEL must be info, warn or error");
  });

  it("refuses a variable that it does not know, and guesses which was meant", () => {
    expect(refusal({ SIDECRYPT_BUNDEL: "x" })).toMatchObject({
      code: "config-invalid",
      message: "SIDECRYPT_BUNDEL is not a setting of sidecrypt",
      hint: "did you mean SIDECRYPT_BUNDLE?",
    });
    expect(refusal({ SIDECRYPT_ZZZZZZZZZZZZZZZZZZ: "x" }).hint).toMatch(/^the settings are SIDECRYPT_BUNDLE, /);
  });

  it("refuses a key in the environment, without repeating it", () => {
    const error = refusal({ SOPS_AGE_KEY: "AGE-SECRET-KEY-1CANARY" });
    expect(error.code).toBe("key-in-environment");
    expect(`${error.message} ${error.hint ?? ""}`).not.toContain("CANARY");
    expect(error.hint).toContain("SOPS_AGE_KEY_FILE");
  });

  it.each([
    [{ DEBUG: "modem" }, "DEBUG"],
    [{ NODE_DEBUG: "http" }, "NODE_DEBUG"],
    [{ NODE_OPTIONS: "--max-old-space-size=64 --inspect=0.0.0.0:9229" }, "--inspect"],
    [{ NODE_OPTIONS: "--inspect_brk" }, "--inspect-brk"],
    [{ NODE_OPTIONS: "--heapsnapshot-signal=SIGUSR2" }, "--heapsnapshot-signal"],
    [{ NODE_OPTIONS: "--report-on-fatalerror" }, "--report-on-fatalerror"],
  ])("refuses what would show memory or requests: %j", (env, named) => {
    const error = refusal(env);
    expect(error.code).toBe("debug-in-environment");
    expect(error.message).toContain(named);
  });

  it("leaves other options of node alone", () => {
    expect(parseConfig({ NODE_OPTIONS: "--max-old-space-size=64 --disable-proto=delete" }).poll).toBe(10_000);
  });
});

function refusedScheme(scheme: string): string {
  return `DOCKER_HOST uses ${scheme}: this version speaks to a unix socket only, such as unix:///var/run/docker.sock`;
}
