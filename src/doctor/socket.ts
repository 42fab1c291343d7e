/** Where the sidecar looks for the engine. */
export const SOCKET = "/var/run/docker.sock";

/** The path of a `unix://` address; null: another scheme, or none given. */
export function withoutScheme(address: string | undefined): string | null {
  return /^unix:\/\/(\/.+)$/.exec(address ?? "")?.[1] ?? null;
}
