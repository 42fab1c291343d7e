/** Each measure of harden.ts and frames.ts: the hole that it shuts is open in Node as it comes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, describe, expect, it } from "vitest";
import { describeCrash } from "../src/frames.ts";

const CANARY = "c4nary-k7Qw9zXp2LmN4vRt";
const directory = mkdtempSync(join(tmpdir(), "sidecrypt-hardening-"));
const program = join(directory, "program.mjs");
buildSync({
  entryPoints: [join(import.meta.dirname, "hardening.program.ts")],
  outfile: program,
  bundle: true,
  platform: "node",
  format: "esm",
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

interface Ended {
  readonly output: string;
  /** Of the files that it left behind. */
  readonly files: readonly string[];
}

interface Asked {
  readonly mode: "plain" | "hardened";
  readonly what: "wait" | "throw" | "frame";
  readonly flags?: readonly string[];
  /** Sent once it is ready. */
  readonly signal?: NodeJS.Signals;
}

async function run({ mode, what, flags = [], signal }: Asked): Promise<Ended> {
  const cwd = mkdtempSync(join(directory, "run-"));
  const child = spawn(process.execPath, [...flags, program, mode, what], { cwd, env: { CANARY } });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stdout.on("data", () => signal !== undefined && child.kill(signal));
  await once(child, "close");
  return { output, files: readdirSync(cwd).map((file) => readFileSync(join(cwd, file), "latin1")) };
}

const both = (asked: Omit<Asked, "mode">): Promise<[Ended, Ended]> =>
  Promise.all([run({ ...asked, mode: "plain" }), run({ ...asked, mode: "hardened" })]);

describe.concurrent("what Node does by itself", { timeout: 20_000 }, () => {
  it("a signal opens no inspector", async () => {
    const [plain, hardened] = await both({ what: "wait", flags: ["--inspect-port=0"], signal: "SIGUSR1" });
    expect(plain.output).toContain("Debugger listening");
    expect(hardened.output).toBe("");
  });

  it("a signal writes no report with the environment", async () => {
    const flags = ["--report-on-signal", "--report-signal=SIGUSR2"];
    const [plain, hardened] = await both({ what: "wait", flags, signal: "SIGUSR2" });
    expect(plain.files.join("")).toContain(CANARY);
    expect(hardened.files).toEqual([]);
  });

  it("a signal writes no memory to disk", async () => {
    const [plain, hardened] = await both({ what: "wait", flags: ["--heapsnapshot-signal=SIGUSR2"], signal: "SIGUSR2" });
    expect(plain.files.join("")).toContain("snapshot");
    expect(hardened.files).toEqual([]);
  });

  it("an uncaught error writes no report", async () => {
    const [plain, hardened] = await both({ what: "throw", flags: ["--report-uncaught-exception"] });
    expect(plain.files.join("")).toContain(CANARY);
    expect(hardened.files).toEqual([]);
  });

  it.each(["throw", "frame"] as const)("an uncaught error says where and not what (%s)", async (what) => {
    const [plain, hardened] = await both({ what });
    expect(plain.output).toContain(CANARY.slice(0, 6));
    expect(hardened.output).toMatch(/^sidecrypt: error: unexpected failure \(internal\)\n +at /);
    expect(hardened.output).toContain("program.mjs:");
    expect(hardened.output).not.toContain(CANARY.slice(0, 6));
  });
});

describe("a crash is described", () => {
  it("without frames where its message was changed after it was thrown", () => {
    const error = new Error(`a\n    at ${CANARY} (/a:1:1)`);
    expect(error.stack).toContain(CANARY);
    error.message = "another";
    expect(describeCrash(error)).toBe("sidecrypt: error: unexpected failure (internal)\n");
  });

  it("by a code alone, of what is no error", () => {
    expect(describeCrash(CANARY)).toBe("sidecrypt: error: unexpected failure (internal)\n");
  });
});
