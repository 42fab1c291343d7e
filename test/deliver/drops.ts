/** Real drops for the tests: a directory under /dev/shm where options do not matter, a mount of its own where they do. */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { Drop } from "../../src/deliver/index.ts";
import type { Generation } from "../../src/types.ts";

export const OLD = "a".repeat(16);
export const NEW = "b".repeat(16);
export const NEWER = "c".repeat(16);
export const CONTAINER = "1".repeat(64);
export const OTHER = "2".repeat(64);
export const START = "2026-01-02T03:04:05.678901234Z";

export function shmDrop(): Drop {
  const path = mkdtempSync("/dev/shm/sidecrypt-");
  onTestFinished(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return { path, volume: "bot1-secrets" };
}

/** A tmpfs of its own. Needs root: a test of who may read that is skipped proves nothing, so it fails instead. */
export function mountedDrop(options: string): Drop {
  if (process.getuid?.() !== 0) throw new Error("this test mounts a tmpfs: run it as root");
  const path = mkdtempSync(join(tmpdir(), "sidecrypt-drop-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path]);
  onTestFinished(() => {
    execFileSync("umount", ["--lazy", path]);
    rmSync(path, { recursive: true, force: true });
  });
  return { path, volume: "bot1-secrets" };
}

export function generation(id: string, files: Record<string, string | Uint8Array>): Generation {
  const entries = Object.entries(files).map(([name, bytes]): [string, Uint8Array] => [name, Buffer.from(bytes)]);
  return { volume: "bot1-secrets", id, files: new Map(entries), bundleDigest: null };
}

/** What a consumer sees: every stable name that leads somewhere. */
export function visible(drop: Drop): Record<string, string> {
  const names = readdirSync(drop.path).filter((name) => !name.startsWith(".."));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(drop.path, name), "utf8")]));
}

/** Runs one of the programs beside this file, under `prefix` (setpriv …) if one is given. */
export function program(name: string, args: readonly string[], prefix: readonly string[] = []) {
  const path = fileURLToPath(new URL(name, import.meta.url));
  const [command = process.execPath, ...rest] = [...prefix, process.execPath, "--import", "tsx", path, ...args];
  const child: ChildProcessWithoutNullStreams = spawn(command, rest);
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

/** Both streams and the exit status of a program that ends by itself. */
export async function outcome(child: ChildProcessWithoutNullStreams) {
  let [out, errors] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { out, errors, status };
}
