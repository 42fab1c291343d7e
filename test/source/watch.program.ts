/** Watches as whoever runs this, by events alone. Arguments: directory. Prints what it says. */
import { systemClock } from "../../src/clock.ts";
import { watch } from "../../src/source/index.ts";

const say = (line: string) => process.stdout.write(`${line}\n`);

await watch({
  dir: process.argv[2] ?? "",
  clock: systemClock,
  debounceMs: 50,
  maxWaitMs: 1_000,
  pollMs: 3_600_000,
  signal: new AbortController().signal,
  onChange: () => say("look"),
  onWarning: say,
});
say("ready");
