/** What a Compose file gives away before anything is started; and nothing that it does not. */
import { describe, expect, it } from "vitest";
import { composeFindings } from "../../src/compose-model/index.ts";
import { model, type Raw, type RawService } from "./models.ts";

const VALUE = "h7GkQ2vXz9TnW4bL";
const checks = (change: (raw: Raw) => void, names?: readonly string[]): string[] =>
  composeFindings(model(change), names).map(({ severity, check }) => `${severity} ${check}`);
const bot = (raw: Raw): RawService => raw.services.bot1;

it("a good file has no finding", () => {
  expect(checks(() => undefined)).toEqual([]);
});

describe("a value in the file is found", () => {
  it.each<[string, string, (raw: Raw) => void]>([
    ["a password", "error value-in-environment", (raw) => (bot(raw).environment["REDIS_PASSWORD"] = VALUE)],
    ["a name that is asked for", "error value-in-environment", (raw) => (bot(raw).environment["BOT1_ID"] = VALUE)],
    ["a URL", "error value-in-environment", (raw) => (bot(raw).environment["DSN"] = `redis://:${VALUE}@redis:6379`)],
    ["a name that may be one", "warning value-in-environment", (raw) => (bot(raw).environment["SSH_KEY"] = VALUE)],
    ["camel case", "error value-in-environment", (raw) => (bot(raw).environment["apiKey"] = VALUE)],
    ["a build argument", "error value-in-build-args", (raw) => (bot(raw)["build"] = { args: { NPM_TOKEN: VALUE } })],
    ["a label", "error value-in-label", (raw) => (bot(raw).labels["traefik.auth.password"] = VALUE)],
    ["an option", "error value-in-command", (raw) => (bot(raw)["command"] = ["redis-server", "--requirepass", VALUE])],
    ["an option with =", "error value-in-command", (raw) => (bot(raw)["entrypoint"] = ["bot", `--api-key=${VALUE}`])],
    [
      "a script",
      "error value-in-command",
      (raw) => (bot(raw)["command"] = ["sh", "-c", `API_TOKEN=${VALUE} exec bot`]),
    ],
    [
      "a healthcheck",
      "error value-in-command",
      (raw) => (bot(raw)["healthcheck"] = { test: ["CMD-SHELL", `curl --fail http://u:${VALUE}@localhost/`] }),
    ],
    [
      "a secret of Compose",
      "error secret-from-environment",
      (raw) => (raw["secrets"] = { one: { environment: "ONE" } }),
    ],
    [
      "a config of Compose",
      "error config-with-content",
      (raw) => (raw["configs"] = { one: { content: `password: ${VALUE}` } }),
    ],
    [
      "a harmless config",
      "warning config-with-content",
      (raw) => (raw["configs"] = { one: { content: "level: info" } }),
    ],
    ["the age key", "error key-in-environment", (raw) => (raw.services.secrets.environment = { SOPS_AGE_KEY: VALUE })],
  ])("%s", (_, expected, change) => {
    expect(checks(change)).toEqual([expected]);
  });

  it("by the bundle's names, where they are known", () => {
    expect(checks((raw) => (bot(raw).environment["DB"] = VALUE), ["DB"])).toEqual(["error value-in-environment"]);
  });
});

describe("nothing is found", () => {
  it.each<[string, (raw: Raw) => void]>([
    ["a path", (raw) => (bot(raw).environment["REDIS_PASSWORD_FILE"] = "/run/secrets/REDIS_PASSWORD")],
    ["a path in a name of a secret", (raw) => (bot(raw).environment["TLS_PRIVATE_KEY"] = "/run/secrets/KEY")],
    ["an empty value", (raw) => (bot(raw).environment["API_TOKEN"] = "")],
    ["a switch", (raw) => (bot(raw).environment["USE_TOKEN"] = "true")],
    ["a public key", (raw) => (bot(raw).environment["AGE_PUBLIC_KEY"] = "age1pcuyjglvkcwent")],
    ["a URL without a password", (raw) => (bot(raw).environment["URL"] = "https://example.org:443/a@b")],
    [
      "a file that the shell reads",
      (raw) =>
        (bot(raw)["command"] = ["sh", "-c", 'API_KEY=$$(cat /run/secrets/API_KEY) && exec bot --token "$$API_KEY"']),
    ],
    ["an option that takes a path", (raw) => (bot(raw)["command"] = ["bot", "--password", "/run/secrets/PASSWORD"])],
  ])("%s", (_, change) => {
    expect(checks(change)).toEqual([]);
  });
});

describe("how things are mounted", () => {
  it.each<[string, string, (raw: Raw) => void]>([
    [
      "the bundle alone",
      "error bundle-single-file",
      (raw) => (raw.services.secrets.volumes[0] = { type: "bind", source: "/srv/s/a.env", target: "/bundle/a.env" }),
    ],
    [
      "a writable drop",
      "error mount-writable",
      (raw) => Object.assign(bot(raw).volumes[0] ?? {}, { read_only: false }),
    ],
    ["copied over", "warning mount-without-nocopy", (raw) => Object.assign(bot(raw).volumes[0] ?? {}, { volume: {} })],
    [
      "on a disk",
      "error volume-not-memory",
      (raw) => Object.assign(raw.volumes, { "bot1-secrets": { name: "stack_bot1-secrets" } }),
    ],
    [
      "as Compose writes nothing",
      "error volume-not-memory",
      (raw) => Object.assign(raw.volumes, { "bot1-secrets": null }),
    ],
  ])("%s", (_, expected, change) => {
    expect(checks(change)).toEqual([expected]);
  });
});

it("no finding repeats a value, or a part of one", () => {
  const text = JSON.stringify(
    composeFindings(
      model((raw) => {
        Object.assign(bot(raw).environment, { REDIS_PASSWORD: VALUE, DSN: `redis://:${VALUE}@redis` });
        bot(raw)["command"] = ["bot", `--token=${VALUE}`];
        bot(raw).labels["a.secret"] = VALUE;
        bot(raw)["build"] = { args: { TOKEN: VALUE } };
        raw["configs"] = { one: { content: `token: ${VALUE}` } };
      }),
    ),
  );
  expect(text).toContain("REDIS_PASSWORD");
  expect(text).not.toContain(VALUE.slice(0, 6));
});

it("a file that is no model is refused, and nothing of it repeated", () => {
  expect(() => model((raw) => (raw.services.bot1.volumes = [`a:${VALUE}` as never]))).toThrow(
    /not at services\.bot1\.volumes\.0$/,
  );
  expect(() => model((raw) => (raw.services.bot1.volumes = [`a:${VALUE}` as never]))).not.toThrow(VALUE);
});
