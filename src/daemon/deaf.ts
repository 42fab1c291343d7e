/**
 * An engine that makes its socket anew (dockerd that systemd does not listen for) is out of reach of whoever mounted the
 * old one: the mount keeps a file that has no name any more. With live-restore the sidecar runs on all the same, and
 * only a new start of its container mounts the new one.
 */
import { stat } from "node:fs/promises";

export async function isReplaced(socketPath: string): Promise<boolean> {
  const found = await stat(socketPath).catch(() => null);
  return found?.nlink === 0;
}
