/**
 * Shuts what Node opens or writes by itself and what would show this process's memory or environment
 * (tmpfs-and-leaks.md §4). A core dump is beyond it: no program in Node can lower its own limit, so compose files say
 * `ulimits: { core: 1 }`.
 */

/** Before anything is opened. Flags and NODE_OPTIONS that ask for these are undone. */
export function harden(): void {
  // So far nobody listens but Node itself: for --heapsnapshot-signal.
  for (const name of process.eventNames()) {
    if (typeof name === "string" && name.startsWith("SIG")) process.removeAllListeners(name);
  }
  // A report has the whole environment, the command line and the message of an error.
  const { report } = process;
  report.reportOnSignal = false;
  report.reportOnUncaughtException = false;
  report.reportOnFatalError = false;
  // Since Node 22.13: what is written all the same is without the environment.
  Object.assign(report, { excludeEnv: true });
  // Without a listener it opens the inspector.
  process.on("SIGUSR1", () => undefined);
}
