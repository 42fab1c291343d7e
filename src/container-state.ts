import type { ContainerState } from "./types.ts";

/** Its processes exist: it holds its mounts, its account and its name, also while paused or between two restarts. */
export function isUp({ state }: { readonly state: ContainerState }): boolean {
  return state === "running" || state === "restarting" || state === "paused";
}

/**
 * It is being removed, or the engine could not remove all of it and calls it dead: nothing starts it any more, and only
 * the engine has to do with what is left (H39).
 */
export function isPast({ state }: { readonly state: ContainerState }): boolean {
  return state === "removing" || state === "dead";
}
