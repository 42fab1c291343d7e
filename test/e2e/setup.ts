/**
 * Once before all end-to-end tests: an engine, Compose and the images, by the script that the README's commands call.
 * Where there is no engine and none can be had, the script says why and nothing runs: no test is ever skipped.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../../scripts/setup.sh", import.meta.url));

export default function setup(): void {
  script();
  script("image", "sidecrypt-postgres");
}

function script(...args: readonly string[]): void {
  const { status, error } = spawnSync("bash", [SCRIPT, ...args], { stdio: ["ignore", "inherit", "inherit"] });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`scripts/setup.sh ${args.join(" ")} failed with exit status ${status ?? "none"}`);
}
