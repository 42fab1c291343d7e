/** Who else on this host reaches what stands on a drop, and what the host does with memory (tmpfs-and-leaks.md §7 C). Pure. */
import type { Json } from "../docker/port.ts";
import { DOCKER_ROOT } from "./broad.ts";
import { finding } from "./findings.ts";
import { listOf } from "./lists.ts";
import { type Host, hostOf, reachOf, texts } from "./reach.ts";
import { nameOf, serviceOf } from "./stack.ts";
import type { SeenSockets } from "./sockets.ts";
import type { Finding } from "./types.ts";

/** What the sidecar's own /proc says; null: verified from elsewhere. */
export interface OwnProcess {
  /** /proc/self/status */
  readonly status: string;
  /** /proc/sys/kernel/core_pattern */
  readonly corePattern: string;
}

export interface Surroundings {
  readonly info: Json;
  readonly version: Json;
  readonly ours: readonly Json[];
  readonly others: readonly Json[];
  /** Id of the sidecar's container; null: there is none. */
  readonly sidecar: string | null;
  /** Services that get secrets. */
  readonly consumers: ReadonlySet<string>;
  readonly own: OwnProcess | null;
  readonly volumes: Host["volumes"];
  readonly sockets: SeenSockets;
}

/** Where this engine keeps its containers and volumes. */
export const rootOf = (info: Json): string =>
  typeof info["DockerRootDir"] === "string" ? info["DockerRootDir"] : DOCKER_ROOT;

export function surroundingFindings(around: Surroundings): Finding[] {
  const { ours, others, sidecar, info } = around;
  const { sources, seen } = around.sockets;
  const host: Host = { dockerRoot: rootOf(info), engineSockets: sources, volumes: around.volumes, seen };
  const own = ours.find((raw) => raw["Id"] === sidecar);
  return [
    ...ours.filter((raw) => raw !== own).flatMap((raw) => reachFinding(raw, host, true)),
    ...others.filter(isUp).flatMap((raw) => reachFinding(raw, host, false)),
    ...ours.flatMap(keyInEnvironment),
    ...(own === undefined ? [] : sidecarFindings(own, around.own)),
    ...engineFindings(around),
    ...(around.own === null ? [] : coreFindings(around, around.own)),
  ];
}

const isUp = (raw: Json): boolean => (raw["State"] as { Running?: boolean } | undefined)?.Running === true;

// ---------------------------------------------------------------- other containers

function reachFinding(raw: Json, host: Host, isOurs: boolean): Finding[] {
  const ways = reachOf(raw, host);
  if (ways.length === 0) return [];
  const name = nameOf(raw);
  const severity = isOurs ? "misconfigured" : "warning";
  const message = `container ${name} can read every drop: it ${ways.join(", ")}`;
  const hint = isOurs
    ? `take that away from service ${serviceOf(raw)}`
    : "it is not of this project: trust it, or stop it";
  return [finding({ rule: "reach", severity, subject: name }, message, hint)];
}

function keyInEnvironment(raw: Json): Finding[] {
  const environment = texts((raw["Config"] as Json | undefined)?.["Env"]);
  if (!environment.some((entry) => /^SOPS_AGE_KEY=./.test(entry))) return [];
  const about = { rule: "key-in-sight", severity: "leak", subject: nameOf(raw), place: "Config.Env" } as const;
  const hint = "mount the key's file into the sidecar, name it in SOPS_AGE_KEY_FILE, and make a new key";
  return [finding(about, `container ${nameOf(raw)} has SOPS_AGE_KEY in its environment: it opens every bundle`, hint)];
}

// ---------------------------------------------------------------- the sidecar

function sidecarFindings(raw: Json, own: OwnProcess | null): Finding[] {
  const host = hostOf(raw);
  const about = { rule: "sidecar", subject: nameOf(raw) } as const;
  const rules: readonly (readonly [boolean, string, string])[] = [
    [host["ReadonlyRootfs"] === true, "its root is writable", "read_only: true"],
    [host["Privileged"] !== true, "it is privileged", "take privileged away"],
    [holdsNoCapability(host, own), "it has capabilities", "cap_drop: [ALL]"],
    [
      texts(host["SecurityOpt"]).some((one) => /^no-new-privileges(?::true|=true)?$/.test(one)),
      "its processes may gain privileges",
      'security_opt: ["no-new-privileges:true"]',
    ],
    [host["NetworkMode"] === "none", "it has a network", "network_mode: none"],
    [host["PidMode"] !== "host", "it sees the processes of the host", "take pid: host away"],
  ];
  return rules
    .filter(([isSo]) => !isSo)
    .map(([, what, hint]) => finding(about, `the sidecar is less confined than it could be: ${what}`, hint));
}

function holdsNoCapability(host: Json, own: OwnProcess | null): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(own?.status ?? "")?.[1];
  if (effective !== undefined) return /^0+$/.test(effective);
  return texts(host["CapDrop"]).some((name) => /^(?:CAP_)?ALL$/i.test(name)) && texts(host["CapAdd"]).length === 0;
}

// ---------------------------------------------------------------- engine and host

/** Fixed by moby #46253 with its backports (tmpfs-and-leaks.md §2.4); the exact patch is the changelog's. */
const LIVE_RESTORE_FIXED = [
  [23, 0, 7],
  [24, 0, 6],
] as const;
/** CVE-2024-41110 and CVE-2026-34040, the later of the two (§3.1). */
const AUTHZ_FIXED = [29, 3, 1] as const;

function engineFindings({ info, version }: Surroundings): Finding[] {
  const about = { rule: "engine", severity: "warning", subject: "engine" } as const;
  const number = typeof version["Version"] === "string" ? version["Version"] : "";
  const plugins = texts(((info["Plugins"] ?? {}) as Json)["Authorization"]);
  const findings: Finding[] = [];
  if (info["Debug"] === true) {
    const message = "the engine runs in debug mode: its log has the bodies of requests, environments among them";
    findings.push(finding(about, message, 'take "debug" out of daemon.json and the log of that time away'));
  }
  if (info["LiveRestoreEnabled"] === true && losesVolumes(number)) {
    const message = `live-restore on engine ${number} can split a drop in two after a restart of the engine (moby #46253)`;
    findings.push(finding(about, message, "upgrade the engine, or turn live-restore off"));
  }
  if (plugins.length > 0 && isBefore(number, AUTHZ_FIXED)) {
    const message = `engine ${number} lets requests past its authorization plugins (CVE-2024-41110, CVE-2026-34040)`;
    findings.push(finding(about, message, "upgrade the engine"));
  }
  return findings;
}

/** Of an engine with live-restore. */
export function losesVolumes(version: string): boolean {
  const [first, second] = LIVE_RESTORE_FIXED;
  return isBefore(version, first) || (version.startsWith("24.") && isBefore(version, second));
}

export function isBefore(version: string, fixed: readonly [number, number, number]): boolean {
  const parts = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  // Not a release's number: nothing is known of it.
  if (parts === undefined) return false;
  const differs = fixed.findIndex((part, index) => part !== parts[index]);
  return differs >= 0 && (parts[differs] ?? 0) < (fixed[differs] ?? 0);
}

/** A pipe takes a dump whatever the limit is, but for a limit of exactly 1 (§4.1). */
function coreFindings({ ours, sidecar, consumers }: Surroundings, { corePattern }: OwnProcess): Finding[] {
  const isPipe = corePattern.startsWith("|");
  const holders = ours.filter((raw) => raw["Id"] === sidecar || consumers.has(serviceOf(raw)));
  const open = holders.filter((raw) => {
    const limit = (hostOf(raw)["Ulimits"] as { Name?: string; Hard?: number }[] | null | undefined)?.find(
      ({ Name }) => Name === "core",
    )?.Hard;
    return limit === undefined || (isPipe ? limit !== 1 : limit !== 0 && limit !== 1);
  });
  if (open.length === 0) return [];
  const services = [...new Set(open.map(serviceOf))].toSorted();
  const where = isPipe ? "to a program on the host" : "into a file";
  const message = `a crash of ${listOf(services)} writes its memory ${where}, secrets and all`;
  const about = { rule: "host", severity: "warning", subject: "core dumps" } as const;
  return [finding(about, message, "give these services ulimits: { core: 1 }")];
}
