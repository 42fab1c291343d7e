/** The drops: the options that Docker keeps, swap and kernel, and who is to read. Pure. */
import { dropNames, PASTE } from "../compose-model/exposure.ts";
import { finding, type Finding } from "../compose-model/finding.ts";
import { isConsumer, type StackView, type ViewedService } from "../compose-model/view.ts";
import { uidOf } from "./sidecar.ts";
import type { Facts, Process } from "./facts.ts";

type Options = Readonly<Record<string, string>>;

export function dropFindings(view: StackView, facts: Facts): Finding[] {
  return dropNames(view).flatMap((name) => {
    const volume = view.volumes.get(name);
    const key = volume?.key ?? name;
    const [declared, actual] = [volume?.options ?? null, facts.volumes.get(name) ?? null];
    const options = declared ?? actual;
    const users = view.services.filter((one) => isConsumer(one) && holds(one, name));
    if (options === null) return [];
    return [
      ...outdated(view, { name, key, declared, actual }, users),
      // The file's own options are another check's.
      ...(declared === null ? onDisk(key, options) : []),
      ...swapOf(key, options, facts),
      ...users.flatMap((user) => groupOf(user, key, options, facts.processes.get(user.service) ?? null)),
    ];
  });
}

const holds = ({ mounts }: ViewedService, volume: string): boolean => mounts.some(({ source }) => source === volume);

interface Described {
  readonly name: string;
  readonly key: string;
  readonly declared: Options | null;
  readonly actual: Options | null;
}

/** Docker goes on with the options that the volume was made with, and says nothing (tmpfs-and-leaks.md §2.2). */
function outdated(
  { sidecar }: StackView,
  { name, key, declared, actual }: Described,
  users: readonly ViewedService[],
): Finding[] {
  if (declared === null || actual === null || sameOptions(declared, actual)) return [];
  const services = [...users.map(({ service }) => service), ...(sidecar === null ? [] : [sidecar.service])].join(" ");
  const message = `volume ${key} exists with other driver_opts than the file has, and Docker goes on with the old ones`;
  const hint = `docker compose rm --stop --force ${services} && docker volume rm ${name} && docker compose up -d`;
  return [finding("error", "volume-outdated", key, message, hint)];
}

function sameOptions(a: Options, b: Options): boolean {
  const text = (options: Options): string =>
    Object.entries(options)
      .map(([name, value]) => `${name}=${name === "o" ? value.split(",").toSorted().join(",") : value}`)
      .toSorted()
      .join("\n");
  return text(a) === text(b);
}

function onDisk(key: string, options: Options): Finding[] {
  if (options["type"] === "tmpfs" || options["type"] === "ramfs") return [];
  const message = `volume ${key} is not tmpfs: secrets would lie on a disk`;
  return [finding("error", "volume-not-memory", key, message, `${PASTE}; then docker volume rm ${key}`)];
}

const FIRST_NOSWAP = [6, 4] as const;

function swapOf(key: string, options: Options, { kernel, swap }: Facts): Finding[] {
  const hasNoswap = (options["o"] ?? "").split(",").includes("noswap");
  const supported = kernel === null ? null : isAtLeast(kernel, FIRST_NOSWAP);
  if (hasNoswap && supported === false) {
    const message = `volume ${key} has noswap, which Linux ${kernel ?? ""} does not know: its containers would not start`;
    return [
      finding("error", "noswap-unsupported", key, message, `take noswap out of "o=" of ${key}, and turn swap off`),
    ];
  }
  if (hasNoswap || swap !== true || options["type"] === "ramfs") return [];
  const message = `swap is on, and volume ${key} may be written to it in clear`;
  const line = `o: "${options["o"] ?? ""},noswap"`;
  const hint =
    supported === false ? "swapoff -a, or encrypt swap: noswap needs Linux 6.4" : `${line}; then docker volume rm`;
  return [finding("warning", "swap-without-noswap", key, message, hint)];
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, a = "0", b = "0"] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(a) > major || (Number(a) === major && Number(b) >= minor);
}

const OTHERS_READ = 0o005;

/** Only the primary group counts: an entrypoint that drops privileges clears the others. */
function groupOf(user: ViewedService, key: string, options: Options, processes: readonly Process[] | null): Finding[] {
  const given = new Map(
    (options["o"] ?? "").split(",").map((one): [string, string] => [one.split("=")[0] ?? "", one.split("=")[1] ?? ""]),
  );
  const gid = Number(given.get("gid") ?? 0);
  const mode = Number.parseInt(given.get("mode") ?? "1777", 8);
  if ((mode & OTHERS_READ) === OTHERS_READ || !Number.isInteger(gid)) return [];
  const groups = readersOf(user, processes);
  if (groups === null || groups.includes(gid)) return [];
  const seen = processes === null ? "its user says" : "its processes have";
  const message = `volume ${key} is for group ${gid}, and service ${user.service} reads as group ${groups.join(" or ")} (${seen})`;
  const replaced = given.has("gid")
    ? (options["o"] ?? "").replace(/\bgid=\d+/, `gid=${groups[0]}`)
    : `${options["o"] ?? ""},gid=${groups[0]}`;
  return [finding("error", "group-differs", user.service, message, `o: "${replaced}"; then docker volume rm`)];
}

/** Primary groups of those who are not root, which owns the files; null: nothing is known, or root alone reads. */
function readersOf(user: ViewedService, processes: readonly Process[] | null): number[] | null {
  if (processes !== null) {
    const groups = [...new Set(processes.filter(({ uid }) => uid !== 0).map(({ gid }) => gid))];
    return groups.length === 0 ? null : groups;
  }
  const [, group = ""] = (user.user ?? "").split(":");
  // Root may become anybody before it reads.
  return uidOf(user) === 0 || !/^\d+$/.test(group) ? null : [Number(group)];
}
