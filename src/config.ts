/**
 * Environment → Config, once, at start. Takes variables, returns exact types, throws one error that names every variable
 * that is wrong. None of the settings is a secret; their values are not repeated all the same, since people paste.
 */
import { resolve } from "node:path";
import * as z from "zod";
import { nearest } from "./near.ts";
import { DAY, HOUR, MINUTE, SECOND, formatDuration, parseDuration } from "./duration.ts";
import { SidecryptError } from "./errors.ts";
import { type AllowOlder, parseRecipients, parseRules, type Pinned, type Pins, strayPin } from "./trust/index.ts";

/** So many rolls of one consumer in a window of so many milliseconds. */
export interface Budget {
  readonly rolls: number;
  readonly window: number;
}

export interface Config {
  /** File names inside `bundleDir`, or paths, in order; none: the one bundle that is in `bundleDir`. */
  readonly bundles: readonly string[];
  readonly bundleDir: string;
  readonly keyFile: string;
  /** An SSH private key beside it; null: none. */
  readonly sshKeyFile: string | null;
  /** Holds the passphrase of a key file that is under one; null: none. */
  readonly passphraseFile: string | null;
  /** A file in the format of OpenSSH's allowed_signers; null: bundles need no signature. */
  readonly allowedSigners: string | null;
  readonly pins: Pins;
  readonly allowOlder: AllowOlder;
  readonly stateDir: string;
  /** Path of the engine's unix socket. */
  readonly dockerSocket: string;
  /** Milliseconds that the engine may take for an answer. */
  readonly apiTimeout: number;
  readonly allowEmpty: ReadonlySet<string>;
  readonly dotenv: "compose" | "raw";
  /** Milliseconds of quiet after a file event before looking. */
  readonly debounce: number;
  /** Milliseconds between two looks at the bundle's content that no event asked for. */
  readonly poll: number;
  /** Units that are rolled at once. */
  readonly parallelism: number;
  /** Milliseconds between the starts of two rolls of one consumer. */
  readonly minInterval: number;
  /** Null: none. */
  readonly budget: Budget | null;
  /** Milliseconds that a roll under way may take after SIGTERM to finish or to undo. */
  readonly stopGrace: number;
  readonly logLevel: "info" | "warn" | "error";
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where another source of keys is named, nothing need be here. */
export const DEFAULT_KEY_FILE = "/run/age.key";
/** PATH_MAX of Linux. */
const MAX_PATH = 4096;
const MAX_BUNDLES = 32;
const MAX_ALLOW_EMPTY = 1000;
/** Below this a poll is a busy loop over a network file system; above it nobody trusts that it happens. */
const POLL_RANGE = [SECOND, HOUR] as const;
/** 0 is allowed: every event looks at once. */
const DEBOUNCE_RANGE = [0, MINUTE] as const;
/** Under Compose's default stop_grace_period of 10s there is no time to undo anything; still a choice. */
const STOP_GRACE_RANGE = [0, HOUR] as const;
/** An engine starts containers one by one: more at once gain nothing. */
const MAX_PARALLELISM = 32;
/** 0 is allowed: no interval. */
const INTERVAL_RANGE = [0, HOUR] as const;
const MAX_BUDGET = 1000;
/** It is what an open circuit waits for: beyond a day, it is a person that it waits for. */
const WINDOW_RANGE = [SECOND, DAY] as const;
/** Below this a busy engine looks hung; above it a bot is down for as long as nobody notices. */
const API_TIMEOUT_RANGE = [SECOND, 10 * MINUTE] as const;

const path = z
  .string()
  .max(MAX_PATH, "is too long for a path")
  .regex(/^[^\0]*$/, "holds a NUL byte");

function duration(fallback: string, [min, max]: readonly [number, number]) {
  return z
    .string()
    .default(fallback)
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== null && ms >= min && ms <= max) return ms;
      const range = `from ${formatDuration(min)} to ${formatDuration(max)}`;
      context.addIssue({ code: "custom", message: `must be a duration ${range}, such as ${fallback}` });
      return z.NEVER;
    });
}

/** By commas alone: a path may hold blanks. */
const bundleList = z
  .string()
  .regex(/^[^\0]*$/, "holds a NUL byte")
  .default("")
  .transform((text) => text.split(",").map((name) => name.trim()))
  .transform((listed): readonly string[] => listed.filter((name) => name !== ""))
  .refine((listed) => listed.length <= MAX_BUNDLES, `must not list more than ${MAX_BUNDLES} bundles`)
  .refine((listed) => listed.every((name) => name.length <= MAX_PATH), "is too long for a path")
  .refine((listed) => new Set(listed).size === listed.length, "lists a bundle twice");

const names = z
  .string()
  .default("")
  .transform((text) => text.split(/[\s,]+/).filter((word) => word !== ""))
  .refine((words) => words.length <= MAX_ALLOW_EMPTY, `must not hold more than ${MAX_ALLOW_EMPTY} names`)
  .refine((words) => words.every((word) => /^[\w.-]+$/.test(word)), "must be names, space- or comma-separated")
  .transform((words): ReadonlySet<string> => new Set(words));

function pinned<T>(parse: (text: string) => Pinned<T> | null, wanted: string) {
  return z
    .string()
    .default("")
    .transform((text, context): Pinned<T> => {
      const found = parse(text);
      if (found !== null) return found;
      context.addIssue({
        code: "custom",
        message: `must be ${wanted}, or lines that begin with NAME: for each bundle`,
      });
      return z.NEVER;
    });
}

/** Beginnings as long as `status` prints them. */
const older = z
  .string()
  .default("yes")
  .transform((text, context): AllowOlder => {
    if (text === "yes") return "any";
    const digests = text === "no" ? [] : text.split(/[\s,]+/).filter((word) => word !== "");
    if (digests.every((word) => /^[0-9a-f]{12,64}$/.test(word))) return new Set(digests);
    context.addIssue({ code: "custom", message: "must be yes, no, or 12 or more digits of a bundle's SHA-256" });
    return z.NEVER;
  });

function count(fallback: number, max: number) {
  return z
    .string()
    .default(String(fallback))
    .transform((text, context) => {
      const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
      if (number >= 1 && number <= max) return number;
      context.addIssue({ code: "custom", message: `must be a number from 1 to ${max}` });
      return z.NEVER;
    });
}

function budget(fallback: string) {
  const [shortest, longest] = WINDOW_RANGE.map(formatDuration);
  return z
    .string()
    .default(fallback)
    .transform((text, context): Budget | null => {
      if (text === "off") return null;
      const [, digits = "", time = ""] = /^(\d{1,9})\/(.+)$/.exec(text) ?? [];
      const [rolls, window] = [Number(digits), parseDuration(time) ?? 0];
      const fits = rolls >= 1 && rolls <= MAX_BUDGET && window >= WINDOW_RANGE[0] && window <= WINDOW_RANGE[1];
      if (fits) return { rolls, window };
      const range = `1 to ${MAX_BUDGET} rolls in ${shortest} to ${longest}`;
      context.addIssue({ code: "custom", message: `must be ${range}, such as ${fallback}, or off` });
      return z.NEVER;
    });
}

/** Anything but a local socket would carry every spec of every container over a network. */
const socket = z
  .string()
  .default("unix:///var/run/docker.sock")
  .transform((text, context) => {
    const found = /^unix:\/\/(\/[^\0]+)$/.exec(text)?.[1];
    if (found !== undefined) return found;
    const scheme = /^([a-z]{1,10}):\/\//.exec(text)?.[1] ?? "no scheme";
    const why =
      scheme === "unix" ? "wants an absolute path" : `uses ${scheme}: this version speaks to a unix socket only`;
    context.addIssue({ code: "custom", message: `${why}, such as unix:///var/run/docker.sock` });
    return z.NEVER;
  });

const schema = z.object({
  SIDECRYPT_BUNDLE: bundleList,
  SIDECRYPT_BUNDLE_DIR: path.default("/bundle"),
  SOPS_AGE_KEY_FILE: path.default(DEFAULT_KEY_FILE),
  SOPS_AGE_SSH_PRIVATE_KEY_FILE: path.nullable().default(null),
  SIDECRYPT_PASSPHRASE_FILE: path.nullable().default(null),
  SIDECRYPT_ALLOWED_SIGNERS: path.nullable().default(null),
  SIDECRYPT_RECIPIENTS: pinned(parseRecipients, "recipients (age1…, or an SSH public key)"),
  SIDECRYPT_RULE: pinned(parseRules, "a rule such as unencrypted_suffix=_unencrypted"),
  SIDECRYPT_ALLOW_OLDER: older,
  SIDECRYPT_STATE: path.default("/state"),
  DOCKER_HOST: socket,
  SIDECRYPT_API_TIMEOUT: duration("1m", API_TIMEOUT_RANGE),
  SIDECRYPT_ALLOW_EMPTY: names,
  SIDECRYPT_DOTENV: z.enum(["compose", "raw"], "must be compose or raw").default("compose"),
  SIDECRYPT_DEBOUNCE: duration("50ms", DEBOUNCE_RANGE),
  SIDECRYPT_POLL: duration("10s", POLL_RANGE),
  SIDECRYPT_PARALLELISM: count(1, MAX_PARALLELISM),
  // A poll's and a settle's length: nobody waits longer for it than for those, and a loop gets six rolls a minute.
  SIDECRYPT_MIN_INTERVAL: duration("10s", INTERVAL_RANGE),
  // More than a person does by hand in an incident, and two minutes of a loop at the shortest interval.
  SIDECRYPT_BUDGET: budget("10/10m"),
  SIDECRYPT_STOP_GRACE: duration("50s", STOP_GRACE_RANGE),
  SIDECRYPT_LOG_LEVEL: z.enum(["info", "warn", "error"], "must be info, warn or error").default("info"),
});

/** Every variable that is read, for the README's table and the near match. */
export const VARIABLES: readonly string[] = Object.keys(schema.shape);

export function parseConfig(env: Environment): Config {
  const set = withoutEmpty(env);
  refuseKeyInEnvironment(set);
  refuseKeyCommands(set);
  refuseDebugging(set);
  refuseUnknown(set);
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`);
    throw new SidecryptError("config-invalid", wrong.join("; "));
  }
  const values = parsed.data;
  refuseStrayPins(values);
  refuseSignersBeside(values);
  return {
    bundles: values.SIDECRYPT_BUNDLE,
    bundleDir: values.SIDECRYPT_BUNDLE_DIR,
    keyFile: values.SOPS_AGE_KEY_FILE,
    sshKeyFile: values.SOPS_AGE_SSH_PRIVATE_KEY_FILE,
    passphraseFile: values.SIDECRYPT_PASSPHRASE_FILE,
    allowedSigners: values.SIDECRYPT_ALLOWED_SIGNERS,
    pins: { recipients: values.SIDECRYPT_RECIPIENTS, rules: values.SIDECRYPT_RULE },
    allowOlder: values.SIDECRYPT_ALLOW_OLDER,
    stateDir: values.SIDECRYPT_STATE,
    dockerSocket: values.DOCKER_HOST,
    apiTimeout: values.SIDECRYPT_API_TIMEOUT,
    allowEmpty: values.SIDECRYPT_ALLOW_EMPTY,
    dotenv: values.SIDECRYPT_DOTENV,
    debounce: values.SIDECRYPT_DEBOUNCE,
    poll: values.SIDECRYPT_POLL,
    parallelism: values.SIDECRYPT_PARALLELISM,
    minInterval: values.SIDECRYPT_MIN_INTERVAL,
    budget: values.SIDECRYPT_BUDGET,
    stopGrace: values.SIDECRYPT_STOP_GRACE,
    logLevel: values.SIDECRYPT_LOG_LEVEL,
  };
}

type Values = z.infer<typeof schema>;

function refuseStrayPins(values: Values): void {
  for (const name of ["SIDECRYPT_RECIPIENTS", "SIDECRYPT_RULE"] as const) {
    const fault = strayPin(values[name], values.SIDECRYPT_BUNDLE);
    if (fault !== null) throw new SidecryptError("config-invalid", `${name} ${fault}`);
  }
}

/** Whoever may change a bundle would say who may sign it. */
function refuseSignersBeside({ SIDECRYPT_ALLOWED_SIGNERS: signers, SIDECRYPT_BUNDLE_DIR: dir }: Values): void {
  if (signers === null || !resolve(signers).startsWith(`${resolve(dir)}/`)) return;
  throw new SidecryptError(
    "config-invalid",
    "SIDECRYPT_ALLOWED_SIGNERS lies in the bundle directory: whoever can change a bundle could change who may sign it",
    "keep it outside: - ./allowed_signers:/run/allowed_signers:ro",
  );
}

/** Compose writes `${X:-}` of an unset X as an empty value: it means "not set". */
function withoutEmpty(env: Environment): Record<string, string> {
  const set: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined && value !== "") set[name] = value;
  return set;
}

function refuseKeyInEnvironment(env: Environment): void {
  if (env["SOPS_AGE_KEY"] === undefined) return;
  throw new SidecryptError(
    "key-in-environment",
    "SOPS_AGE_KEY is set: an environment stands in docker inspect, for everyone who reaches the engine",
    "put the key into a file, mount it read-only, and name it in SOPS_AGE_KEY_FILE (default /run/age.key)",
  );
}

/** sops runs them: passed over in silence, they would leave another key to be tried than the one that was meant. */
function refuseKeyCommands(env: Environment): void {
  const commands = [
    ["SOPS_AGE_KEY_CMD", env["SOPS_AGE_KEY_CMD"], "SOPS_AGE_KEY_FILE"],
    ["SOPS_AGE_SSH_PRIVATE_KEY_CMD", env["SOPS_AGE_SSH_PRIVATE_KEY_CMD"], "SOPS_AGE_SSH_PRIVATE_KEY_FILE"],
  ] as const;
  for (const [name, command, instead] of commands) {
    if (command === undefined) continue;
    throw new SidecryptError(
      "config-invalid",
      `${name} is set: sidecrypt runs no command for a key`,
      `put the key into a file (mode 0600, in memory if it is made each time), name it in ${instead}, and unset ${name}`,
    );
  }
}

/** Options of Node that open the process's memory, or write it or its environment to a file. */
const TELLTALE_OPTIONS = /--(?:inspect|heapsnapshot|heap-prof|report|diagnostic|abort-on-uncaught-exception)[\w-]*/;

function refuseDebugging(env: Environment): void {
  for (const name of ["DEBUG", "NODE_DEBUG"]) {
    if (env[name] === undefined) continue;
    throw new SidecryptError(
      "debug-in-environment",
      `${name} is set: libraries would print every request to the engine, and what is in it`,
      `take ${name} out of the environment; SIDECRYPT_LOG_LEVEL is the setting for more or less log`,
    );
  }
  // Node reads underscores in options as dashes.
  const option = TELLTALE_OPTIONS.exec((env["NODE_OPTIONS"] ?? "").replaceAll("_", "-"))?.[0];
  if (option === undefined) return;
  throw new SidecryptError(
    "debug-in-environment",
    `NODE_OPTIONS holds ${option}: it opens this process's memory, where the secrets are`,
    "take NODE_OPTIONS out of the environment",
  );
}

function refuseUnknown(env: Environment): void {
  const ours = VARIABLES.filter((name) => name.startsWith("SIDECRYPT_"));
  for (const name of Object.keys(env)) {
    if (!name.startsWith("SIDECRYPT_") || ours.includes(name)) continue;
    const near = nearest(name, ours);
    const hint = near === null ? `the settings are ${ours.join(", ")}` : `did you mean ${near}?`;
    throw new SidecryptError("config-invalid", `${name} is not a setting of sidecrypt`, hint);
  }
}
