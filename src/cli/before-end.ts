/** What has to be cleaned up before the process ends, by itself or by a signal. */
import { constants } from "node:os";
import type { Io } from "./io.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
/** What a shell adds to a signal's number. */
const SIGNALLED = 128;

interface Cleaner {
  readonly clean: () => void;
  readonly keepsInterrupt: boolean;
}

export function createBeforeEnd(): Io["beforeEnd"] {
  const cleaners = new Set<Cleaner>();
  const cleanAll = (): void => {
    for (const { clean } of [...cleaners].reverse()) clean();
    cleaners.clear();
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signal === "SIGINT" && [...cleaners].some(({ keepsInterrupt }) => keepsInterrupt)) return;
    process.exit(SIGNALLED + constants.signals[signal]);
  };
  // Only while there is something to clean: without a listener a signal ends the process by itself.
  const listen = (change: "on" | "off"): void => {
    process[change]("exit", cleanAll);
    for (const signal of SIGNALS) process[change](signal, onSignal);
  };
  return (clean, { keepsInterrupt = false } = {}) => {
    const cleaner = { clean, keepsInterrupt };
    if (cleaners.size === 0) listen("on");
    cleaners.add(cleaner);
    return () => {
      if (cleaners.delete(cleaner) && cleaners.size === 0) listen("off");
    };
  };
}
