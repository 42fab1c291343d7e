import type { ContainerState } from "./types.ts";

/** Its processes exist: it holds its mounts, its account and its name, also while paused or between two restarts. */
export function isUp({ state }: { readonly state: ContainerState }): boolean {
  return state === "running" || state === "restarting" || state === "paused";
}
