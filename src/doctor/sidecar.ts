/** The sidecar's own service: key, socket, bundle, and whether it comes back and may end in peace. Pure. */
import { bundleDirOf } from "../compose-model/exposure.ts";
import { finding, type Finding } from "../compose-model/finding.ts";
import type { StackView, ViewedMount, ViewedService } from "../compose-model/view.ts";
import { MINUTE, parseDuration, SECOND } from "../duration.ts";
import { SOCKET, socketOf } from "./socket.ts";
import type { Facts, PathFact } from "./facts.ts";

const KEY_FILE = "/run/age.key";
const STOP_GRACE = 50 * SECOND;
const DOCKER_GRACE = 10 * SECOND;
const READ = 4;
/** Who may write to a socket may connect to it. */
const WRITE = 2;
const OTHERS = 0o007;

export function sidecarFindings({ sidecar }: StackView, facts: Facts): Finding[] {
  if (sidecar === null) {
    const hint = "add the service of compose/minimal/compose.yaml, or name the right file with --compose";
    return [finding("error", "no-sidecar", "services", "no service here is a sidecrypt", hint)];
  }
  return [
    ...keyOf(sidecar, facts),
    ...ofSocket(sidecar, facts),
    ...bundleOf(sidecar, facts),
    ...restartOf(sidecar),
    ...graceOf(sidecar),
  ];
}

function keyOf(sidecar: ViewedService, { paths }: Facts): Finding[] {
  const { service } = sidecar;
  const target = sidecar.settings["SOPS_AGE_KEY_FILE"] ?? KEY_FILE;
  const mount = secretAt(sidecar, target) ?? mountFor(sidecar, target);
  if (mount === null) {
    const message = `service ${service} mounts no key file at ${target}`;
    return [finding("error", "key-unreadable", service, message, `volumes: ["./age.key:${target}:ro"]`)];
  }
  const fact = mount.type === "bind" && mount.target === target ? paths.get(mount.source) : undefined;
  if (fact === undefined) return [];
  const file = mount.source;
  if (fact.kind === "missing") {
    const message = `${file} does not exist: Docker would make a directory in its place`;
    return [finding("error", "key-unreadable", file, message, `sidecrypt keygen -o ${file}`)];
  }
  if (fact.kind !== "file") {
    const message = `${file} is a ${fact.kind}: Docker makes one where the file of a mount is not there`;
    return [finding("error", "key-unreadable", file, message, `rmdir ${file} && sidecrypt keygen -o ${file}`)];
  }
  if (!may(sidecar, READ, fact)) {
    const uid = uidOf(sidecar) ?? 0;
    const message = `${file} belongs to uid ${fact.uid} with mode ${octal(fact.mode)}: ${service} runs as uid ${uid}`;
    return [finding("error", "key-unreadable", file, message, `chown ${uid} ${file} && chmod 0400 ${file}`)];
  }
  if ((fact.mode & OTHERS) === 0) return [];
  const message = `${file} has mode ${octal(fact.mode)}: everybody on this machine may read it`;
  return [finding("warning", "key-open", file, message, `chmod 0400 ${file}`)];
}

function ofSocket(sidecar: ViewedService, { paths }: Facts): Finding[] {
  const { service } = sidecar;
  const target = socketOf(sidecar);
  const mount = mountFor(sidecar, target);
  const line = `volumes: ["\${DOCKER_SOCK:-${SOCKET}}:${target}"]`;
  if (mount === null) {
    return [
      finding("error", "socket-missing", service, `service ${service} mounts no engine's socket at ${target}`, line),
    ];
  }
  const fact = mount.target === target ? paths.get(mount.source) : undefined;
  if (fact === undefined || (fact.kind === "socket" && may(sidecar, WRITE, fact))) return [];
  const path = mount.source;
  const elsewhere = `DOCKER_SOCK=PATH docker compose up -d, with the path that "docker context inspect" shows`;
  if (fact.kind === "directory") {
    const message = `${path} is a directory: Docker makes one where no engine listens`;
    return [finding("error", "socket-directory", path, message, `rmdir ${path}; then ${elsewhere}`)];
  }
  if (fact.kind !== "socket") {
    return [finding("error", "socket-missing", path, `${path} is no socket (${fact.kind})`, elsewhere)];
  }
  const message = `${path} is ${fact.uid}:${fact.gid} ${octal(fact.mode)}: ${service} may not open it`;
  const hint = isOf(sidecar, fact) ? `chmod 0660 ${path}` : `group_add: ["${fact.gid}"]`;
  return [finding("error", "socket-forbidden", path, message, hint)];
}

function bundleOf(sidecar: ViewedService, { paths }: Facts): Finding[] {
  const { service } = sidecar;
  const directory = bundleDirOf(sidecar);
  const mount = mountFor(sidecar, directory);
  const below = sidecar.mounts.some(({ target }) => target.startsWith(`${directory}/`));
  if (mount === null) {
    // A file below it is another finding.
    if (below) return [];
    const message = `service ${service} mounts no bundle's directory at ${directory}`;
    return [finding("error", "bundle-missing", service, message, `volumes: ["./secrets:${directory}:ro"]`)];
  }
  const kind = paths.get(mount.source)?.kind;
  if (kind === undefined || kind === "directory") return [];
  if (kind === "missing") {
    const hint = `mkdir ${mount.source}, and encrypt the env file into it`;
    return [finding("error", "bundle-missing", mount.source, `${mount.source} does not exist`, hint)];
  }
  const message = `${mount.source} is mounted alone at ${directory}: a git pull makes a new file, which it would not show`;
  const parent = mount.source.replace(/\/[^/]*$/, "");
  return [finding("error", "bundle-single-file", service, message, `volumes: ["${parent}:${directory}:ro"]`)];
}

function restartOf({ service, restart }: ViewedService): Finding[] {
  if (restart !== "" && restart !== "no") return [];
  const message = `service ${service} has no restart policy: after a reboot every drop stays empty`;
  return [finding("warning", "restart-missing", service, message, "restart: unless-stopped")];
}

function graceOf({ service, stopGrace, settings }: ViewedService): Finding[] {
  const wanted = parseDuration(settings["SIDECRYPT_STOP_GRACE"] ?? "") ?? STOP_GRACE;
  if ((stopGrace ?? DOCKER_GRACE) > wanted) return [];
  const message = `service ${service} is killed before it may finish or undo a roll (${wanted / SECOND}s)`;
  const line = `stop_grace_period: ${Math.ceil((wanted + DOCKER_GRACE) / MINUTE)}m`;
  return [finding("warning", "grace-too-short", service, message, line)];
}

/** The mount at a path, or the nearest above it. */
function mountFor({ mounts }: ViewedService, path: string): ViewedMount | null {
  const above = mounts.filter(({ target }) => path === target || path.startsWith(`${target}/`));
  return above.toSorted((a, b) => b.target.length - a.target.length)[0] ?? null;
}

/** What Compose binds of a secret's file; null: no secret is at that path. */
function secretAt({ injected }: ViewedService, path: string): ViewedMount | null {
  const found = injected.find(({ kind, target }) => kind === "secret" && target === path);
  if (found === undefined) return null;
  const { source, name } = found;
  const type = source === null ? "secret" : "bind";
  return { type, source: source ?? name, target: path, writable: false, nocopy: false };
}

/** Null: a name, which only the image's /etc/passwd knows. */
export function uidOf({ user }: ViewedService): number | null {
  const [uid = ""] = (user ?? "").split(":");
  if (uid === "" || uid === "root") return 0;
  return /^\d+$/.test(uid) ? Number(uid) : null;
}

/** As the kernel decides: the owner's bits for the owner alone; without capabilities root is an owner like others. */
function may(sidecar: ViewedService, wanted: number, fact: PathFact): boolean {
  const uid = uidOf(sidecar);
  if (uid === null || (uid === 0 && !sidecar.dropsCapabilities)) return true;
  if (uid === fact.uid) return (fact.mode & (wanted << 6)) !== 0;
  return (fact.mode & (isOf(sidecar, fact) ? wanted << 3 : wanted)) !== 0;
}

/** It belongs to the sidecar's user, or to one of its groups. */
function isOf(sidecar: ViewedService, { uid, gid }: PathFact): boolean {
  const primary = (sidecar.user ?? "").split(":")[1] ?? "0";
  return uidOf(sidecar) === uid || [primary, ...sidecar.groups].includes(String(gid));
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
