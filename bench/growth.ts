/** How plan and delivery grow with secrets and with consumers. */
import { join } from "node:path";
import { ROOT } from "../scripts/demo/files.ts";
import { run } from "../scripts/demo/run.ts";
import type { Growth } from "./growth.program.ts";
import { IMAGE_FLAGS } from "./processes.ts";
import type { Report } from "./report.ts";
import { exponent, milliseconds } from "./statistics.ts";

export interface GrowthOptions {
  readonly secrets: number;
  readonly consumers: number;
  readonly times: number;
}

/** Beyond this it is quadratic, not merely noisy. */
const LINEAR = 1.5;

export async function measureGrowth({ secrets, consumers, times }: GrowthOptions, report: Report): Promise<void> {
  const program = join(ROOT, "bench/growth.program.ts");
  const sizes = [secrets, consumers, times].map(String);
  const found = JSON.parse(
    await run(process.execPath, [...IMAGE_FLAGS, "--import", "tsx", program, ...sizes]),
  ) as Growth;
  report.table(
    "Growth, one value changed (under the image's flags of Node: nothing is compiled)",
    ["WHAT", "SIZE: TIME", "EACH, AT THE LARGEST", "EXPONENT AT THE END"],
    found.map(({ what, points }) => {
      const [size, cost] = points.at(-1)!;
      const all = points.map(([one, ms]) => `${one}: ${milliseconds(ms)}`).join(", ");
      return [what, all, `${((1000 * cost) / size).toFixed(0)} µs`, exponent(points).toFixed(2)];
    }),
  );
  const steepest = Math.max(...found.map(({ points }) => exponent(points)));
  report.target("nothing grows faster than its input", `exponent ${steepest.toFixed(2)}`, steepest < LINEAR);
}
