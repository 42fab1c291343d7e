/**
 * A stack as the checks look at it, from a Compose model or from running containers. Pure; environments lose their values
 * here.
 */
import { parseDuration } from "../duration.ts";
import { unescaped, type ComposeMount, type ComposeModel, type ComposeService } from "./model.ts";

export const SECRETS = "/run/secrets";

export interface ViewedMount {
  readonly type: string;
  /** Of a volume the name that Docker has; of a bind a path on the host. */
  readonly source: string;
  readonly target: string;
  readonly writable: boolean;
  readonly nocopy: boolean;
}

/** What Compose itself puts into a container. */
export interface Injected {
  readonly kind: "secret" | "config" | "tmpfs";
  readonly name: string;
  /** On the host: a secret or a config with a `file` is a bind of it. Null: it has none, or is not known. */
  readonly source: string | null;
  readonly target: string;
}

export interface ViewedService {
  readonly service: string;
  /** As configured, or the image's; null: not known. */
  readonly user: string | null;
  /** Supplementary groups. */
  readonly groups: readonly string[];
  /** Root without capabilities opens what root may by its mode alone. */
  readonly dropsCapabilities: boolean;
  readonly environmentNames: readonly string[];
  /** Of a sidecar: none of its settings is a secret. */
  readonly settings: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly ViewedMount[];
  readonly injected: readonly Injected[];
  /** As in Docker: `CMD`, `CMD-SHELL` or `NONE` first; null: not known. */
  readonly healthTest: readonly string[] | null;
  readonly restart: string;
  /** Milliseconds; null: Docker's 10 s. */
  readonly stopGrace: number | null;
  /** Service to condition; null: not known. */
  readonly dependsOn: Readonly<Record<string, string>> | null;
}

export interface ViewedVolume {
  /** In the Compose file; the name that Docker has where that is not known. */
  readonly key: string;
  /** `driver_opts` of the file; null: it does not define it, or is not known. */
  readonly options: Readonly<Record<string, string>> | null;
  readonly external: boolean;
}

export interface StackView {
  readonly project: string;
  /** Null: none was found. */
  readonly sidecar: ViewedService | null;
  /** Without the sidecar. */
  readonly services: readonly ViewedService[];
  /** By the name that Docker has. */
  readonly volumes: ReadonlyMap<string, ViewedVolume>;
}

/** What the image says where the file says nothing. */
export interface ImageFacts {
  readonly user: string;
  readonly healthTest: readonly string[] | null;
}

export const isConsumer = ({ labels }: Pick<ViewedService, "labels">): boolean =>
  Object.keys(labels).some((name) => name.startsWith("sidecrypt."));

/** @param images - by reference; one that is not there is not known. */
export function viewOf(model: ComposeModel, images: ReadonlyMap<string, ImageFacts> = new Map()): StackView {
  const sidecar = sidecarOf(model);
  const viewed = Object.entries(model.services).map(([name, service]) => viewService(model, name, service, images));
  return {
    project: model.name,
    sidecar: viewed.find(({ service }) => service === sidecar) ?? null,
    services: viewed.filter(({ service }) => service !== sidecar),
    volumes: new Map(
      Object.entries(model.volumes).map(([key, { driver_opts: options, external = false, ...volume }]) => [
        volume.name ?? `${model.name}_${key}`,
        { key, options: external ? null : texts(options), external },
      ]),
    ),
  };
}

const KEY_FILE = "/run/age.key";

/** The service with our image; else the one that has the key. Null: none. */
export function sidecarOf({ services }: ComposeModel): string | null {
  const all = Object.entries(services).filter(([, { labels }]) => labels?.["sidecrypt.secrets"] === undefined);
  const holdsKey = ({ environment, volumes = [], secrets = [] }: ComposeService): boolean => {
    const path = environment?.["SOPS_AGE_KEY_FILE"] ?? KEY_FILE;
    return volumes.some(({ target }) => target === path) || secrets.some((one) => secretPath(one) === path);
  };
  const isOurs = ({ image = "" }: ComposeService): boolean => /(?:^|\/)sidecrypt(?:[:@]|$)/.test(image);
  return (all.find(([, one]) => isOurs(one)) ?? all.find(([, one]) => holdsKey(one)))?.[0] ?? null;
}

function viewService(
  model: ComposeModel,
  name: string,
  service: ComposeService,
  images: ReadonlyMap<string, ImageFacts>,
): ViewedService {
  const image = images.get(service.image ?? "");
  const environment = texts(service.environment);
  return {
    service: name,
    user: service.user ?? image?.user ?? null,
    groups: (service.group_add ?? []).map(String),
    dropsCapabilities: (service.cap_drop ?? []).some((one) => one.toUpperCase() === "ALL"),
    environmentNames: Object.keys(environment),
    settings: Object.fromEntries(
      Object.entries(environment).filter(([key]) => /^SIDECRYPT_|^SOPS_.*_FILE$|^DOCKER_HOST$/.test(key)),
    ),
    labels: Object.fromEntries(Object.entries(texts(service.labels)).map(([key, text]) => [key, unescaped(text)])),
    mounts: (service.volumes ?? []).map((mount) => viewMount(model, mount)),
    injected: injectedInto(model, service),
    healthTest: healthTestOf(service) ?? image?.healthTest ?? null,
    restart: service.restart ?? "",
    stopGrace: service.stop_grace_period === undefined ? null : parseDuration(service.stop_grace_period),
    dependsOn: Object.fromEntries(
      Object.entries(service.depends_on ?? {}).map(([other, { condition = "" }]) => [other, condition]),
    ),
  };
}

function viewMount(model: ComposeModel, { type, source = "", target, read_only, volume }: ComposeMount): ViewedMount {
  const named =
    type === "volume" && source !== "" ? (model.volumes[source]?.name ?? `${model.name}_${source}`) : source;
  return {
    type,
    source: named,
    target: withoutSlash(target),
    writable: read_only !== true,
    nocopy: volume?.nocopy === true,
  };
}

/** Where Compose puts a service's secret. */
export function secretPath({ source, target }: NonNullable<ComposeService["secrets"]>[number]): string {
  return target?.startsWith("/") === true ? target : `${SECRETS}/${target ?? source}`;
}

function injectedInto(model: ComposeModel, { secrets = [], configs = [], tmpfs = [] }: ComposeService): Injected[] {
  return [
    ...secrets.map((one) => {
      const source = model.secrets[one.source]?.file ?? null;
      return { kind: "secret", name: one.source, source, target: secretPath(one) } as const;
    }),
    ...configs.map(({ source: name, target }) => {
      const source = model.configs[name]?.file ?? null;
      return { kind: "config", name, source, target: target ?? `/${name}` } as const;
    }),
    ...tmpfs.map((text) => {
      const [target = ""] = text.split(":");
      return { kind: "tmpfs", name: target, source: null, target: withoutSlash(target) } as const;
    }),
  ];
}

function healthTestOf({ healthcheck }: ComposeService): readonly string[] | null {
  if (healthcheck?.disable === true) return ["NONE"];
  return healthcheck?.test?.map(unescaped) ?? null;
}

export function texts(record: ComposeService["environment"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record ?? {}).map(([key, value]) => [key, value === null ? "" : String(value)]),
  );
}

const withoutSlash = (path: string): string => (path.length > 1 ? path.replace(/\/+$/, "") : path);
