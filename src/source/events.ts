/** File events of one directory, by chokidar. Any event counts the same: "something happened". */
import { watch as chokidarWatch } from "chokidar";
import { systemCode } from "../errors.ts";

export interface EventSource {
  close(): Promise<void>;
}

/** Resolves when it is armed. `onError` (with a system code) is the last that is heard of it. */
export type OpenEvents = (dir: string, onEvent: () => void, onError: (code: string) => void) => Promise<EventSource>;

export const chokidarEvents: OpenEvents = async (dir, onEvent, onError) => {
  // A file that we may not read (somebody's 0600 key beside the bundle) is no reason to do without the others.
  const limits = { depth: 0, ignoreInitial: true, atomic: false, ignorePermissionErrors: true };
  const watcher = chokidarWatch(dir, limits);
  // `raw` too: chokidar's own bookkeeping says nothing of a directory link that is swapped (`..data`).
  watcher.on("all", onEvent).on("raw", onEvent);
  await new Promise<void>((resolve) => {
    watcher.on("ready", resolve).on("error", (error) => {
      // One watch that failed is one change that goes unseen: better none, and somebody who knows it.
      watcher.removeAllListeners("all").removeAllListeners("raw");
      void watcher.close();
      onError(systemCode(error) ?? "an error");
      resolve();
    });
  });
  return { close: () => watcher.close() };
};
