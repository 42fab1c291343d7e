/** `verify --canary`: the user's own Compose file with a bundle of canaries, brought up beside everything, and verified. */
import { randomBytes } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { generateIdentity, looksLikeBundle } from "../bundle/index.ts";
import { canaryBundle } from "../canary/bundle.ts";
import { rewriteModel, type Rewritten } from "../canary/model.ts";
import { bundleOf } from "../compose-model/exposure.ts";
import type { ComposeModel } from "../compose-model/index.ts";
import { viewOf, type ViewedService } from "../compose-model/view.ts";
import { COMPOSE_PROJECT } from "../docker/compose-labels.ts";
import { SidecryptError, systemCode } from "../errors.ts";
import { wordsOf } from "../plan/select.ts";
import { findBundles, readBundle } from "../source/index.ts";
import { readCompose } from "./compose.ts";
import type { Io } from "./io.ts";
import type { Ui } from "./ui.ts";

export interface CanaryRequest {
  /** Of `verify`; null: what Compose finds here. */
  readonly compose: string | null;
  /** An encrypted bundle in place of the one that the file mounts. */
  readonly bundle: string | null;
  /** For the `verify` in the sidecar. */
  readonly flags: readonly string[];
}

/** Open to all: what is in there is worth nothing, and the sidecar may be anybody. */
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;
const INTERRUPTED = 130;
const LINES = 6;

/** The exit status of `verify`; 130 where somebody interrupted it. Nothing is left behind in either case. */
export async function canary(request: CanaryRequest, io: Io, ui: Ui): Promise<number> {
  const stop = io.interrupted();
  const model = await readCompose(request.compose, io, "verify");
  await refuseBeside(model.name, io);
  await tellOfLeft(model.name, io, ui);
  const directory = await mkdtemp(join(tmpdir(), "sidecrypt-canary-"));
  try {
    const rewritten = await prepare(model, request, directory, io);
    for (const what of rewritten.taken) ui.say(`left out: ${what}`);
    return await upAndDown(rewritten, { directory, flags: request.flags, stop }, io, ui);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A canary beside the real stack would share its host: names, addresses, and whoever watches the engine. */
async function refuseBeside(project: string, io: Io): Promise<void> {
  const { code, stdout } = await io.docker(["ps", "--quiet", "--filter", `label=${COMPOSE_PROJECT}=${project}`]);
  if (code !== 0)
    throw new SidecryptError("docker-unreachable", "the engine does not answer docker ps", "docker version");
  if (stdout.trim() === "") return;
  throw new SidecryptError(
    "canary-refused",
    `the project ${project} runs on this engine: a canary belongs where it does not`,
    "run it in CI, or on another engine: DOCKER_HOST=unix:///… sidecrypt verify --canary",
  );
}

/** One that was killed could not clean up. Perhaps it runs, beside this one: it is not for us to end. */
async function tellOfLeft(project: string, io: Io, ui: Ui): Promise<void> {
  const format = `{{.Label "${COMPOSE_PROJECT}"}}`;
  const filter = `name=${prefixOf(project)}`;
  const { stdout } = await io.docker(["ps", "--all", "--format", format, "--filter", filter]);
  const projects = new Set(linesOf(stdout).filter((one) => one.startsWith(prefixOf(project))));
  for (const one of projects) ui.warn(`an earlier canary is still here; unless it runs: ${byHand(one)}`);
}

/** Of the names of a project's canaries. */
const prefixOf = (project: string): string => `${project}-canary-`;
/** What a person types to take one down. */
const byHand = (canaryProject: string): string => `docker compose -p ${canaryProject} down --volumes`;

// ---------------------------------------------------------------- files

async function prepare(model: ComposeModel, { bundle }: CanaryRequest, directory: string, io: Io): Promise<Rewritten> {
  const { sidecar } = viewOf(model);
  const bundleDir = join(directory, "secrets");
  const keyFile = join(directory, "age.key");
  const emptyFile = join(directory, "empty");
  await chmod(directory, DIRECTORY_MODE);
  await mkdir(bundleDir);
  await chmod(bundleDir, DIRECTORY_MODE);
  const { identity, recipient } = await generateIdentity();
  await writeOpen(keyFile, `${identity.trim()}\n`);
  await writeOpen(emptyFile, "");
  if (sidecar !== null) await writeBundles(sidecar, model, { bundle, bundleDir, recipient }, io);
  const sources = Object.values(model.services).flatMap(({ volumes = [] }) =>
    volumes.flatMap(({ type, source }) => (type === "bind" && source !== undefined ? [source] : [])),
  );
  const kinds = new Map(await Promise.all(sources.map(async (path) => [path, await kindOf(path)] as const)));
  const having = (kind: string): Set<string> => new Set(sources.filter((path) => kinds.get(path) === kind));
  const project = prefixOf(model.name) + randomBytes(4).toString("hex");
  return rewriteModel(model, {
    project,
    bundleDir,
    keyFile,
    emptyFile,
    files: having("file"),
    sockets: having("socket"),
    missing: having("missing"),
  });
}

/** Whatever the umask. */
async function writeOpen(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(path, content);
  await chmod(path, FILE_MODE);
}

interface Target {
  readonly bundle: string | null;
  readonly bundleDir: string;
  readonly recipient: string;
}

/** Under their own names, with the templates that stand beside them. */
async function writeBundles(sidecar: ViewedService, model: ComposeModel, target: Target, io: Io): Promise<void> {
  const mounted = bundleOf(sidecar);
  const from = target.bundle === null ? mounted?.path : dirname(target.bundle);
  if (from === undefined) {
    const hint = "name the encrypted file with --bundle";
    throw new SidecryptError("bundle-missing", `service ${sidecar.service} mounts no directory of a bundle`, hint);
  }
  const found =
    target.bundle === null
      ? await findBundles(from, mounted?.listed ?? [], looksLikeBundle)
      : [{ path: target.bundle }];
  const options = {
    recipient: target.recipient,
    now: new Date(io.clock.now()),
    allowEmpty: new Set(wordsOf(sidecar.settings["SIDECRYPT_ALLOW_EMPTY"] ?? "")),
    random: (bytes: number) => randomBytes(bytes),
  };
  for (const { path } of found) {
    const { bytes } = await readBundle(path);
    await writeOpen(join(target.bundleDir, basename(path)), await canaryBundle(bytes, options));
  }
  for (const name of templatesOf(model)) {
    await copyFile(join(from, name), join(target.bundleDir, name)).catch(ignoreMissing);
  }
}

/** `FILE>NAME`, several in one label. */
function templatesOf({ services }: ComposeModel): Set<string> {
  const labels = Object.values(services).map(({ labels: all }) => String(all?.["sidecrypt.template"] ?? ""));
  const files = labels.flatMap((text) => [...text.matchAll(/([^\s,>]+)\s*>/g)].map(([, file = ""]) => basename(file)));
  return new Set(files.filter((file) => file !== ""));
}

/** The sidecar says which consumer it is that lacks it. */
function ignoreMissing(thrown: unknown): void {
  if (systemCode(thrown) !== "ENOENT") throw thrown;
}

async function kindOf(path: string): Promise<"file" | "socket" | "missing" | "other"> {
  const found = await stat(path).catch(() => null);
  if (found === null) return "missing";
  return found.isFile() ? "file" : found.isSocket() ? "socket" : "other";
}

// ---------------------------------------------------------------- the stack

interface Place {
  readonly directory: string;
  readonly flags: readonly string[];
  readonly stop: AbortSignal;
}

async function upAndDown(
  { model, sidecar }: Rewritten,
  { directory, flags, stop }: Place,
  io: Io,
  ui: Ui,
): Promise<number> {
  const file = join(directory, "compose.json");
  await writeFile(file, JSON.stringify(model));
  const compose = ["compose", "--project-name", model.name, "--file", file];
  try {
    ui.say(`bringing up ${model.name}`);
    const up = await io.docker([...compose, "up", "--detach"], { signal: stop });
    if (hasEnded(stop)) return INTERRUPTED;
    if (up.code !== 0) throw notUp(up.stderr, await statusOf([...compose, "exec", "-T", sidecar], io), ui);
    const verify = ["exec", "-T", sidecar, "sidecrypt", "verify", ...flags];
    const verified = await io.docker([...compose, ...verify], { signal: stop });
    if (hasEnded(stop)) return INTERRUPTED;
    if (verified.stdout !== "") ui.out(verified.stdout);
    for (const line of linesOf(verified.stderr)) ui.say(line.replace(/^sidecrypt: /, ""));
    return verified.code;
  } finally {
    // Not to be interrupted: what is left of it would have to be looked for by hand.
    const how = ["--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "3"];
    const down = await io.docker([...compose, "down", ...how]);
    if (down.code !== 0) ui.warn(`${model.name} could not be taken down: ${byHand(model.name)}`);
  }
}

const hasEnded = ({ aborted }: AbortSignal): boolean => aborted;

function notUp(stderr: string, status: string, ui: Ui): SidecryptError {
  // Compose speaks of images and containers here; values there are none but canaries.
  for (const line of linesOf(stderr).slice(-LINES)) ui.say(line);
  if (status !== "") ui.out(status);
  return new SidecryptError("canary-failed", "the stack did not come up on canaries", "see what the lines above say");
}

async function statusOf(exec: readonly string[], io: Io): Promise<string> {
  return (await io.docker([...exec, "sidecrypt", "status"])).stdout;
}

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line.trim() !== "");
