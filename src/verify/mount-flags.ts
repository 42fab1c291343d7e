/** What a drop is mounted as, held against its volume's definition, and that against what is advised. Pure. */
import { type DropRoot, parseOptions } from "../deliver/index.ts";
import type { Json } from "../docker/port.ts";
import { finding } from "./findings.ts";
import { listOf } from "./lists.ts";
import type { Finding } from "./types.ts";

/** README, In the stack: what nothing on a drop needs. */
const ADVISED = ["noexec", "nosuid", "nodev"];

/** Beside the size, the mode and the type, without which nothing is delivered at all (deliver/options.ts). */
export function mountFlagFindings(volume: string, definition: Json | null, root: DropRoot): Finding[] {
  const options = (definition?.["Options"] ?? {}) as Readonly<Record<string, string>>;
  const defined = parseOptions((options["o"] ?? "").split(","));
  // Of a bind of a memory-backed directory the options are the directory's own.
  if (options["type"] !== "tmpfs" && options["type"] !== "ramfs") return [];
  return [
    ...(options["type"] === "tmpfs" ? ownerFindings(volume, defined, root) : []),
    ...flagFindings(volume, [...defined.keys()], root.flags ?? []),
  ];
}

/** An image's own /run/secrets, copied over an empty drop, brings its owner with it (tmpfs-and-leaks.md §2.5). */
function ownerFindings(volume: string, defined: ReadonlyMap<string, string>, root: DropRoot): Finding[] {
  return (["uid", "gid"] as const).flatMap((name) => {
    const want = Number(defined.get(name) ?? 0);
    if (root[name] === want) return [];
    const message = `volume ${volume} is defined with ${name} ${want}, and its directory has ${root[name]}`;
    const hint = `an image's own files were copied over it: mount it with ":ro,nocopy", remove its containers, then docker volume rm ${volume}`;
    return [finding({ rule: "drop", subject: volume, place: name }, message, hint)];
  });
}

function flagFindings(volume: string, defined: readonly string[], mounted: readonly string[]): Finding[] {
  const about = { rule: "drop", subject: volume, place: "flags" } as const;
  const lost = ADVISED.filter((flag) => defined.includes(flag) && !mounted.includes(flag));
  const absent = ADVISED.filter((flag) => !defined.includes(flag) && !mounted.includes(flag));
  const findings: Finding[] = [];
  if (lost.length > 0) {
    const message = `volume ${volume} is defined with ${listOf(lost)}, and mounted without`;
    findings.push(finding(about, message, `remove its containers, then docker volume rm ${volume}`));
  }
  if (absent.length > 0) {
    const message = `volume ${volume} is mounted without ${listOf(absent)}: what stands on it could be run, or be a device`;
    const hint = `add ${absent.join(",")} to "o=" of ${volume}; then docker volume rm ${volume}`;
    findings.push(finding({ ...about, severity: "warning" }, message, hint));
  }
  return findings;
}
