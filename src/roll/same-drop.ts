/**
 * Does a container that starts now see the drops that the sidecar writes to? After a restart with live-restore an older
 * engine has lost count of a volume's mounts: the next start gets a tmpfs of its own, and the bot an empty one
 * (tmpfs-and-leaks.md §2.4, moby #46253). An archive call looks where the next start would, so that it tells before
 * anything is stopped.
 */
import { basename } from "node:path";
import type { Mount } from "../docker/port.ts";
import { SidecryptError, toSidecryptError } from "../errors.ts";
import type { RollContext } from "./context.ts";

type Parts = Pick<RollContext, "docker" | "drops">;

/** @throws SidecryptError `drop-split`, naming the volume */
export async function requireSameDrops(parts: Parts, id: string): Promise<void> {
  const container = await parts.docker.inspect(id);
  for (const mount of container?.mounts ?? []) {
    if (mount.type === "volume" && !(await isSame(parts, id, mount))) throw split(mount.name);
  }
}

async function isSame({ docker, drops }: Parts, id: string, { name, destination }: Mount): Promise<boolean> {
  const written = await drops.pointsAt(name);
  if (written === null) return true;
  try {
    // Twice: where no mount is left in its count, the end of the first call takes the drop's own away.
    for (let times = 0; times < 2; times++) {
      const seen = await docker.linkTarget(id, `${destination}/..data`);
      if (seen === null || basename(seen) !== written) return false;
    }
    return true;
  } catch (thrown) {
    // An engine, or what stands before it, that does not let us look says nothing of the drop.
    if (toSidecryptError(thrown).code === "docker-unreachable") throw thrown;
    return true;
  }
}

function split(volume: string): SidecryptError {
  return new SidecryptError(
    "drop-split",
    `a container that starts now finds an empty volume in place of ${volume}: the engine was restarted with live-restore, and has lost count of its mounts`,
    "docker compose down, restart the engine, docker compose up -d; then upgrade it (23.0.7, 24.0.6 or later), or turn live-restore off",
  );
}
