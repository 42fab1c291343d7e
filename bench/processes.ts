/** What a whole process costs. */
import { expect, tryRun } from "../scripts/demo/run.ts";

/** As in the image: no machine code is made at run time. */
export const IMAGE_FLAGS = [
  ...["--jitless", "--max-semi-space-size=1", "--v8-pool-size=1"],
  "--disallow-code-generation-from-strings",
];

/** Milliseconds. */
export interface Cost {
  /** Of the wall clock. */
  readonly wall: number;
  /** Of processors, the system's part included. */
  readonly cpu: number;
}

/** By bash, which counts what its children used. */
export async function timed(command: readonly string[], statuses: readonly number[], directory: string): Promise<Cost> {
  const script =
    'cd "$1"; export SOPS_AGE_KEY_FILE="$1/age.key"; shift; TIMEFORMAT="%R %U %S"; time "$@" >/dev/null 2>&1';
  const { code, stderr } = await tryRun("bash", ["-c", script, "bench", directory, ...command]);
  expect(statuses.includes(code), `${command.slice(0, 3).join(" ")} ends with exit status ${statuses.join(" or ")}`);
  const [wall = 0, user = 0, system = 0] = stderr
    .trim()
    .split(" ")
    .map((seconds) => 1000 * Number(seconds));
  return { wall, cpu: user + system };
}
