/** What the tests need of the machine, by the script that the README's commands call. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { words } from "./engine.ts";

const SCRIPT = fileURLToPath(new URL("../../../scripts/setup.sh", import.meta.url));

/** An engine, Compose and every image, built from this checkout; the names of the images. */
export async function prepare(): Promise<string[]> {
  return words(await setUp("test-images"));
}

/** Its standard output; what it says goes to ours. */
export function setUp(...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", [SCRIPT, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    const stdout: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(stdout).toString());
      else reject(new Error(`scripts/setup.sh ${args.join(" ")} failed with exit status ${code ?? "none"}`));
    });
  });
}
