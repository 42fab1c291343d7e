/** Paths of the host behind which every container, every process or the engine's socket stands. Pure. */
import { posix } from "node:path";

const BROAD = new Set(["/", "/proc", "/sys", "/dev", "/run", "/var", "/var/lib", "/run/docker", "/run/containerd"]);
/** What the engine and containerd keep while they run: sockets, and each container's root. */
const RUNNING = /^\/run\/(?:docker|containerd)\//;

export const DOCKER_ROOT = "/var/lib/docker";

/** @param dockerRoot where this engine keeps its containers and volumes */
export function isBroad(source: string, dockerRoot: string): boolean {
  const path = hostPath(source);
  const root = hostPath(dockerRoot);
  return BROAD.has(path) || RUNNING.test(path) || path === root || path.startsWith(`${root}/`);
}

/** By its name alone; a socket under another name is told by a look at it. */
export const isEngineSocket = (source: string): boolean => /\/(?:docker|containerd|podman)[\w.-]*\.sock$/.test(source);

/** One name for what every distribution has under two. */
export function hostPath(source: string): string {
  const path = posix.normalize(source);
  const plain = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  return plain.replace(/^\/var\/run(?=\/|$)/, "/run");
}

/** Whether a directory is the file's, or above it. */
export function leadsTo(directory: string, file: string): boolean {
  const path = hostPath(directory);
  return path === "/" || hostPath(file).startsWith(`${path}/`);
}

/** Paths of the host that a volume's `driver_opts` show under its name: a bind, an overlay, a proc of its own. */
export function sourcesIn(options: Readonly<Record<string, unknown>> | null | undefined): string[] {
  const text = (name: string): string => (typeof options?.[name] === "string" ? options[name] : "");
  const [type, device, flags] = [text("type"), text("device"), text("o").split(",")];
  if (type === "proc") return ["/proc"];
  if (flags.includes("bind") || flags.includes("rbind")) return device === "" ? [] : [device];
  const layers = flags.flatMap((flag) => /^(?:lowerdir|upperdir)=(.+)$/.exec(flag)?.[1]?.split(":") ?? []);
  return type === "overlay" ? layers : [];
}
