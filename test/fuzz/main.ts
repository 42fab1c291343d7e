/**
 * npm run fuzz [-- --only NAME --minutes N --seed N]
 *
 * Every parser on inputs that lead into code that no input before them reached. The input under way stands in a file,
 * so that one which never returns is known.
 */
import { openSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Coverage } from "./coverage.ts";
import { Finding, fuzz } from "./loop.ts";
import type { Target } from "./target.ts";
import { TARGETS } from "./targets.ts";

const MINUTE = 60_000;

const { values } = parseArgs({
  options: { only: { type: "string" }, minutes: { type: "string" }, seed: { type: "string" } },
});
const chosen = TARGETS.filter(({ name }) => values.only === undefined || name === values.only);
const time = (Number(values.minutes ?? "5") * MINUTE) / chosen.length;
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const underWay = join(tmpdir(), `sidecrypt-fuzz-${process.pid}`);
const file = openSync(underWay, "w", 0o600);
const say = (line: string): number => writeSync(1, `${line}\n`);

/** The target, with each input noted before it is run. */
function noted(target: Target): Target {
  const run = (input: Buffer): unknown => {
    writeSync(file, `${target.name} ${input.toString("base64")}\n`.padEnd(200), 0);
    return target.run(input);
  };
  return { ...target, run };
}

if (chosen.length === 0) say(`no such target; there are ${TARGETS.map(({ name }) => name).join(", ")}`);
say(`seed ${seed}; the input under way: ${underWay}`);
const coverage = await Coverage.start();
for (const target of chosen) {
  const before = coverage.blocks;
  try {
    const inputs = await fuzz(noted(target), { seed, time, coverage });
    say(`${target.name}: ${inputs} inputs, ${coverage.blocks - before} blocks, nothing found`);
  } catch (thrown) {
    if (!(thrown instanceof Finding)) throw thrown;
    say(`FOUND ${thrown.message}`);
    process.exitCode = 1;
  }
}
coverage.stop();
process.exitCode ??= chosen.length === 0 ? 2 : 0;
