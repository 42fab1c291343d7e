/** Where the sidecar looks for the engine, and where on the host that is. */
import type { ViewedService } from "../compose-model/view.ts";

export const SOCKET = "/var/run/docker.sock";

/** The path of a `unix://` address; null: another scheme, or none given. */
export function withoutScheme(address: string | undefined): string | null {
  return /^unix:\/\/(\/.+)$/.exec(address ?? "")?.[1] ?? null;
}

/** In the sidecar's container. */
export const socketOf = ({ settings }: ViewedService): string => withoutScheme(settings["DOCKER_HOST"]) ?? SOCKET;

/** On the host: where the sidecar's socket comes from. */
export function engineOf(sidecar: ViewedService): string {
  return sidecar.mounts.find(({ target }) => target === socketOf(sidecar))?.source ?? SOCKET;
}
