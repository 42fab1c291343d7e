/**
 * npm run bench [-- --quick] [-- --only rotation|idle|growth|opening|scan]
 *
 * What a rotation costs beside what an operator does today and beside the bare calls, what the sidecar costs while
 * nothing happens, how plan and delivery grow, what it costs to open a bundle beside sops, and to search beside grep.
 * Written to bench/RESULTS.md, unless it is only a part.
 */
import { parseArgs } from "node:util";
import { line } from "../scripts/demo/print.ts";
import { expect, run, tryRun } from "../scripts/demo/run.ts";
import { useLocalEngine } from "../scripts/demo/stack.ts";
import { Api } from "./api.ts";
import { measureGrowth } from "./growth.ts";
import { measureIdle } from "./idle.ts";
import { measureOpening } from "./opening.ts";
import { Report } from "./report.ts";
import { measureRotations } from "./rotation.ts";
import { measureScan } from "./scan.ts";

const WHOLE = {
  sizes: [
    { bots: 1, one: 7, shared: 0 },
    { bots: 10, one: 7, shared: 3 },
    // A turn of it takes three minutes.
    { bots: 50, one: 11, shared: 1 },
  ],
  idle: 60_000,
  growth: { secrets: 10_000, consumers: 200, times: 5 },
  opening: { sizes: [10, 100, 1_000, 10_000], times: 15 },
  scan: { size: 200e6, times: 5 },
};
const QUICK: typeof WHOLE = {
  sizes: [
    { bots: 1, one: 3, shared: 0 },
    { bots: 10, one: 3, shared: 1 },
  ],
  idle: 20_000,
  growth: { secrets: 10_000, consumers: 200, times: 1 },
  opening: { sizes: [10, 100, 1_000, 10_000], times: 5 },
  scan: { size: 200e6, times: 3 },
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: "boolean" }, only: { type: "string" } } });
  const { quick = false, only } = values;
  const { sizes, idle, growth, opening, scan } = quick ? QUICK : WHOLE;
  const { code } = await tryRun("bash", ["scripts/setup.sh"], { shown: true });
  expect(code === 0, "scripts/setup.sh finds or makes what the bench needs");
  await useLocalEngine();
  const socket = process.env["DOCKER_SOCK"]!;
  const [sops, image] = [(await run("bash", ["scripts/sops.sh"])).trim(), await baseImage()];
  process.env["SOPS_DISABLE_VERSION_CHECK"] = "1";
  const [report, api, begun] = [new Report(), new Api(socket), Date.now()];
  const chosen = (what: string): boolean => only === undefined || only === what;
  try {
    if (chosen("rotation")) await measureRotations({ api, socket, sops, image, sizes }, report);
    if (chosen("idle")) await measureIdle(api, idle, report);
    if (chosen("growth")) await measureGrowth(growth, report);
    if (chosen("opening")) await measureOpening({ sops, ...opening }, report);
    if (chosen("scan")) await measureScan({ sops, ...scan }, report);
  } finally {
    api.close();
  }
  report.targets();
  if (only === undefined) await report.save({ took: Date.now() - begun, quick, sops });
  line();
}

/** Its shell is all that a bot here needs. */
async function baseImage(): Promise<string> {
  return (await run("bash", ["scripts/setup.sh", "base"])).trim();
}

await main();
