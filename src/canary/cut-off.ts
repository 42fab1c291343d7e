/** One service of the user's, without what reaches the host or anything outside of the stack; and what is told of it. Pure. */
import type { ComposeService } from "../compose-model/index.ts";
import type { ComposeMount } from "../compose-model/model.ts";

/** On the host's side, or outside of it: nothing of that is for a canary. */
const REACH = [
  "container_name",
  "ports",
  "logging",
  "devices",
  "device_cgroup_rules",
  "privileged",
  "pid",
  "ipc",
  "uts",
  "userns_mode",
  "cgroup",
  "cgroup_parent",
  "runtime",
  "provider",
  "external_links",
  "mac_address",
  "gpus",
  "use_api_socket",
  "volumes_from",
];
/** Those that Docker gives to everybody, and those that reach nothing outside of the container. */
const HARMLESS = new Set(
  `CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE
  SETFCAP IPC_LOCK SYS_NICE SYS_RESOURCE`.split(/\s+/),
);
const OWN_NETWORKS = /^(?:none|service:.+)$/;

export function cutOff(service: ComposeService, sidecar: string): ComposeService {
  const kept = Object.entries(service).filter(([key, value]) => !REACH.includes(key) || isOfTheStack(key, value));
  const mode = service.network_mode;
  const networks = service["networks"] as Readonly<Record<string, unknown>> | null | undefined;
  return {
    ...(Object.fromEntries(kept) as ComposeService),
    network_mode: mode !== undefined && OWN_NETWORKS.test(mode) ? mode : undefined,
    ...(service.cap_add === undefined ? {} : { cap_add: service.cap_add.filter(isHarmless) }),
    ...Object.fromEntries(HOOKS.filter((key) => key in service).map((key) => [key, unprivileged(service[key])])),
    // Addresses are the real project's; aliases are names within the stack.
    ...(networks === null || networks === undefined
      ? {}
      : { networks: Object.fromEntries(Object.entries(networks).map(([key, one]) => [key, aliases(one)])) }),
    depends_on: dependencies(service, sidecar),
    ...(reservesDevices(service) ? { deploy: withoutDevices(deployOf(service)) } : {}),
  };
}

/** `pid: service:bot1` stays in the stack, and so does the `ipc: shareable` of the bot1 that it needs. */
function isOfTheStack(key: string, value: unknown): boolean {
  if (key === "volumes_from") return Array.isArray(value) && !value.map(String).some(isContainer);
  if (key === "ipc" && (value === "shareable" || value === "private" || value === "none")) return true;
  return (key === "pid" || key === "ipc") && typeof value === "string" && value.startsWith("service:");
}

const isHarmless = (capability: string): boolean => HARMLESS.has(capability.toUpperCase().replace(/^CAP_/, ""));

/** Compose runs these in the container, with all of the host's where they are privileged. */
const HOOKS = ["post_start", "pre_stop"];
const isPrivileged = (hook: object): boolean => "privileged" in hook && hook.privileged === true;
const hooksOf = (value: unknown): readonly object[] => (Array.isArray(value) ? (value as object[]) : []);
const unprivileged = (value: unknown): unknown => hooksOf(value).map((hook) => ({ ...hook, privileged: undefined }));

const isContainer = (source: string): boolean => source.startsWith("container:");

interface Deploy {
  readonly resources?: { readonly reservations?: { readonly devices?: unknown } };
}

const deployOf = (service: ComposeService): Deploy => service["deploy"] ?? {};
const reservesDevices = (service: ComposeService): boolean =>
  deployOf(service).resources?.reservations?.devices !== undefined;

/** Compose starts nothing without what is reserved, and a machine of CI has no GPU. */
function withoutDevices({ resources, ...deploy }: Deploy): unknown {
  return { ...deploy, resources: { ...resources, reservations: { ...resources?.reservations, devices: undefined } } };
}

function aliases(endpoint: unknown): unknown {
  const found = (endpoint as { readonly aliases?: unknown } | null)?.aliases;
  return found === undefined ? null : { aliases: found };
}

/** A bot that no canary logs in anywhere may be unhealthy for ever: only the sidecar is waited for. */
function dependencies({ depends_on }: ComposeService, sidecar: string): ComposeService["depends_on"] {
  if (depends_on === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(depends_on).map(([name, one]) => [
      name,
      name === sidecar ? one : { ...one, condition: "service_started" },
    ]),
  );
}

export function takenFrom(
  name: string,
  service: ComposeService,
  mounts: readonly ComposeMount[],
  isSidecar: boolean,
): string[] {
  const gone = REACH.filter((key) => {
    const value = service[key];
    return value !== undefined && value !== null && value !== false && !isOfTheStack(key, value);
  });
  const mode = service.network_mode;
  const before = isSidecar ? [] : (service.volumes ?? []).filter(({ type }) => type === "bind");
  const replaced = before.filter((mount) => !mounts.includes(mount)).map(({ target }) => `the bind at ${target}`);
  const network = mode !== undefined && !OWN_NETWORKS.test(mode) ? [`network_mode ${mode}`] : [];
  const capabilities = (service.cap_add ?? []).filter((one) => !isHarmless(one)).map((one) => `capability ${one}`);
  const hooks = HOOKS.filter((key) => hooksOf(service[key]).some(isPrivileged)).map((key) => `privileges of ${key}`);
  const devices = reservesDevices(service) ? ["the devices that it reserves"] : [];
  return [...gone, ...network, ...capabilities, ...hooks, ...devices, ...replaced].map((what) => `${name}: ${what}`);
}
