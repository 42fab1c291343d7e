import { describe, expect, it } from "vitest";
import { COMMANDS, HELP } from "../../src/cli/help.ts";
import { VARIABLES, type Config } from "../../src/config.ts";
import { sidecrypt } from "./harness.ts";

describe("sidecrypt", () => {
  it.each(COMMANDS)("%s --help prints its help, with an example", async (command) => {
    for (const flag of ["--help", "-h"]) {
      const { status, stdout, stderr } = await sidecrypt([command, flag]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toMatch(new RegExp(`^usage: sidecrypt ${command}`));
      expect(stdout).toMatch(/\nExample:\n {2}\S/);
      expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    }
  });

  it("has one overview that names every command", async () => {
    const { status, stdout } = await sidecrypt(["--help"]);
    expect(status).toBe(0);
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    expect(await sidecrypt(["help"])).toMatchObject({ status: 0, stdout });
    expect(await sidecrypt(["help", "set"])).toMatchObject({ status: 0, stdout: `${HELP.set}\n` });
  });

  it("names every variable in the help of run", () => {
    for (const name of VARIABLES) expect(HELP.run).toContain(`  ${name} `);
  });

  it("prints its version", async () => {
    expect(await sidecrypt(["--version"])).toEqual({ status: 0, stdout: "sidecrypt 0.1.0\n", stderr: "" });
  });

  it.each([
    [[], "no command given", `one of ${COMMANDS.join(", ")}; sidecrypt --help`],
    [["staus"], "unknown command staus", "did you mean sidecrypt status?"],
    [["frobnicate"], "unknown command frobnicate", "sidecrypt --help"],
    [["--verbose"], "unknown flag --verbose", "sidecrypt --help"],
    [["status", "--jsn"], "status: unknown flag --jsn", "did you mean --json?"],
    [["status", "-x"], "status: unknown flag -x", "sidecrypt status --help"],
    [["status", "--json=1"], "--json takes no value", "sidecrypt status --help"],
    [["status", "bot1"], "status: unexpected argument bot1", "sidecrypt status --help"],
    [["check", "a", "b"], "check: unexpected argument b", "sidecrypt check --help"],
    [["keygen", "-o"], "-o needs a value", "sidecrypt keygen --help"],
    [["keygen", "--output", "--json"], "--output needs a value", "sidecrypt keygen --help"],
    [["set"], "set: name the secret", "sidecrypt set --help"],
  ])("%j is a usage error", async (argv, message, hint) => {
    expect(await sidecrypt(argv)).toEqual({
      status: 2,
      stdout: "",
      stderr: `sidecrypt: error: ${message}\nsidecrypt: hint: ${hint}\n`,
    });
  });

  it("runs the daemon on its configuration, and ends with its status", async () => {
    const seen: Config[] = [];
    const startDaemon = (config: Config): Promise<number> => {
      seen.push(config);
      return Promise.resolve(6);
    };
    expect((await sidecrypt(["run"], { env: { SIDECRYPT_POLL: "5s" }, startDaemon })).status).toBe(6);
    expect(seen).toMatchObject([{ poll: 5000 }]);
  });

  it("starts no daemon on a configuration that is wrong", async () => {
    expect(await sidecrypt(["run"], { env: { SIDECRYPT_POL: "5s" } })).toEqual({
      status: 2,
      stdout: "",
      stderr:
        "sidecrypt: error: SIDECRYPT_POL is not a setting of sidecrypt\nsidecrypt: hint: did you mean SIDECRYPT_POLL?\n",
    });
  });

  it("says of an unexpected error what it is, and nothing of what it says", async () => {
    const startDaemon = () => Promise.reject(new RangeError("c4nary"));
    const { status, stderr } = await sidecrypt(["run"], { startDaemon });
    expect(status).toBe(70);
    expect(stderr).toContain("unexpected RangeError");
    expect(stderr).not.toContain("c4nary");
  });

  it("lets no name steer the terminal", async () => {
    expect((await sidecrypt(["x\u001b[2Jy"])).stderr).toContain("unknown command x?[2Jy");
  });
});
