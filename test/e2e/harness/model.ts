/** The Compose file of a stack, as DESIGN.md ("In the stack") writes it, from a short definition. */
import { stringify } from "yaml";

export interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>> | readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: Readonly<Record<string, unknown>>;
  readonly [option: string]: unknown;
}

/** A service, and the drop that is made for it where it asks for secrets. */
export interface Definition extends Service {
  readonly drop?: {
    /** Primary group of the process that reads. */
    readonly gid?: number;
    /** The service whose drop it shares, instead of one of its own. */
    readonly of?: string;
    /** Instead of a tmpfs volume with the usual options. */
    readonly volume?: Readonly<Record<string, unknown>>;
  };
}

export interface StackDefinition {
  readonly secrets: Readonly<Record<string, string>>;
  /** Beside the bundle: templates, by file name. */
  readonly files?: Readonly<Record<string, string>>;
  readonly services: Readonly<Record<string, Definition>>;
  /** Over the sidecar's usual options. */
  readonly sidecar?: Readonly<Record<string, unknown>>;
  readonly networks?: Readonly<Record<string, unknown>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
  /** More of the Compose file's top level. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** That the sidecar mounts in place of its engine's own. */
  readonly socket?: string;
  /** Where the sidecar's /state lies; else a directory of the stack's, through which a test asks the daemon itself. */
  readonly state?: string;
}

const BOT_GID = 1000;
const REDIS_GID = 999;
const GRACE = "1m";
/** Below the stack's own directory. */
export const STATE = "./state";
/** A health check is a process in the container: often enough to be quick, seldom enough for two cores. */
export const QUICK = "700ms";
/** What the image's own health check looks at, without a Node each time. */
export const HEALTHY = ["grep", "-Eq", `'"redis":"(none|logged-in)","exchange":"accepted"'`, "/tmp/bot-state.json"];

export const isConsumer = (service: Service): boolean => service.labels?.["sidecrypt.secrets"] !== undefined;
export const volumeOf = (service: string): string => `${service}-secrets`;

export interface ComposeModel {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks?: Readonly<Record<string, unknown>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
}

/** What a stack takes from the machine that it runs on. */
export interface Host {
  /** Of the engine. */
  readonly socket: string;
  /** Id of the sidecar's: somebody may build a newer one while the stack runs. */
  readonly image: string;
}

export function toYaml(model: ComposeModel): string {
  return stringify(model, { aliasDuplicateObjects: false, lineWidth: 0 });
}

export function composeModel(definition: StackDefinition, { socket, image }: Host): ComposeModel {
  const services = Object.entries(definition.services);
  const consumers = services.filter(([, service]) => isConsumer(service) && service.drop?.of === undefined);
  return {
    services: {
      secrets: sidecar(
        definition,
        consumers.map(([name]) => name),
        { socket, image },
      ),
      ...Object.fromEntries(services.map(([name, service]) => [name, wired(name, service)])),
    },
    ...(definition.networks === undefined ? {} : { networks: definition.networks }),
    volumes: {
      "sidecrypt-state": {},
      ...Object.fromEntries(
        consumers.map(([name, { drop }]) => [volumeOf(name), drop?.volume ?? dropVolume(drop?.gid)]),
      ),
      ...definition.volumes,
    },
    ...definition.more,
  };
}

/** For a sidecar, with what a file needs besides. */
export function sidecarEnvironment(more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return {
    // A poll that tests can wait for, where no file event tells of a change.
    SIDECRYPT_POLL: "1s",
    // The same bot is rolled by test after test.
    SIDECRYPT_MIN_INTERVAL: "0s",
    SIDECRYPT_BUDGET: "off",
    ...more,
  };
}

function sidecar(
  { sidecar: options, socket: proxied, state }: StackDefinition,
  consumers: readonly string[],
  { socket, image }: Host,
): Service {
  return {
    image: `\${SIDECRYPT_IMAGE:-${image}}`,
    restart: "unless-stopped",
    read_only: true,
    cap_drop: ["ALL"],
    security_opt: ["no-new-privileges:true"],
    network_mode: "none",
    stop_grace_period: GRACE,
    environment: sidecarEnvironment(),
    // Each is a Node that starts.
    healthcheck: { interval: "2s" },
    ...options,
    volumes: [
      "./secrets:/bundle:ro",
      "./age.key:/run/age.key:ro",
      `${proxied ?? socket}:/var/run/docker.sock`,
      `${state ?? STATE}:/state`,
      ...consumers.map((name) => `${volumeOf(name)}:/drops/${name}`),
    ],
  };
}

function wired(name: string, definition: Definition): Service {
  const service: Service = Object.fromEntries(Object.entries(definition).filter(([key]) => key !== "drop")) as never;
  if (!isConsumer(service)) return service;
  return {
    ...service,
    volumes: [`${volumeOf(definition.drop?.of ?? name)}:/run/secrets:ro,nocopy`, ...(service.volumes ?? [])],
    depends_on: { secrets: { condition: "service_healthy" }, ...service.depends_on },
  };
}

function dropVolume(gid = BOT_GID): Readonly<Record<string, unknown>> {
  return { driver_opts: { type: "tmpfs", device: "tmpfs", o: `size=1m,mode=2750,gid=${gid},noexec,nosuid,nodev` } };
}

export interface BotOptions extends Partial<Definition> {
  /** Logs in to the service `redis`. */
  readonly redis?: boolean;
  /** Keys with this prefix are refused by this bot's exchange, besides those with `bad-`. */
  readonly refuses?: string;
}

/** A bot that uses the secret `key`. */
export function bot(key: string, options: BotOptions = {}): Definition {
  const { redis = false, refuses = "", environment, labels, depends_on, ...rest } = options;
  return {
    image: "sidecrypt-bot",
    environment: {
      BOT_API_KEY_NAME: key,
      REDIS_HOST: redis ? "redis" : "none",
      ...(refuses === "" ? {} : { BOT_REFUSES: refuses }),
      ...(environment as Readonly<Record<string, string>> | undefined),
    },
    labels: { "sidecrypt.secrets": redis ? `${key} REDIS_PASSWORD` : key, ...labels },
    ...(redis || depends_on !== undefined
      ? { depends_on: { ...(redis ? { redis: { condition: "service_healthy" } } : {}), ...depends_on } }
      : {}),
    healthcheck: { test: ["CMD-SHELL", HEALTHY.join(" ")], interval: QUICK },
    drop: { gid: BOT_GID },
    ...rest,
  };
}

export function redis(options: Partial<Definition> = {}): Definition {
  return {
    image: "sidecrypt-redis",
    labels: { "sidecrypt.secrets": "REDIS_PASSWORD" },
    healthcheck: { interval: QUICK },
    drop: { gid: REDIS_GID },
    ...options,
  };
}
