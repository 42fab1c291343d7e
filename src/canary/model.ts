/**
 * The user's own Compose model → the same stack beside it, cut off from everything that is real. Pure. What is taken
 * away is told, since it is no longer what runs in production.
 */
import { dropNames } from "../compose-model/exposure.ts";
import type { ComposeModel, ComposeService } from "../compose-model/index.ts";
import { secretPath, viewOf, type ViewedService } from "../compose-model/view.ts";
import { engineOf } from "../doctor/socket.ts";
import { SidecryptError } from "../errors.ts";
import { cutOff, takenFrom } from "./cut-off.ts";
import { emptyVolume, keyOf, mountsOf, ownMounts } from "./mounts.ts";

export interface Canary {
  /** A name that nothing has. */
  readonly project: string;
  /** On the host: what stands in for the directory of the bundle, and for the key. */
  readonly bundleDir: string;
  readonly keyFile: string;
  /** An empty file, in place of writable binds of files and of sockets. */
  readonly emptyFile: string;
  /** Sources of binds that are files, that are sockets, and that are not there. */
  readonly files: ReadonlySet<string>;
  readonly sockets: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
}

export interface Rewritten {
  readonly model: ComposeModel;
  readonly sidecar: string;
  /** `bot1: its published ports`. */
  readonly taken: readonly string[];
}

/** Of the real bundle: who signed it, for whom it is and how its key is kept say nothing of a canary's. */
const OF_THE_REAL_ONE = [
  "SIDECRYPT_ALLOWED_SIGNERS",
  "SIDECRYPT_RECIPIENTS",
  "SIDECRYPT_RULE",
  "SIDECRYPT_ALLOW_OLDER",
  "SIDECRYPT_PASSPHRASE_FILE",
  "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
];

/** @throws SidecryptError `config-invalid` where there is no sidecar */
export function rewriteModel(model: ComposeModel, canary: Canary): Rewritten {
  const view = viewOf(model);
  const { sidecar: viewed } = view;
  const own = viewed === null ? undefined : model.services[viewed.service];
  if (viewed === null || own === undefined) {
    const hint = "add the service of compose/minimal/compose.yaml, or name the right file with --compose";
    throw new SidecryptError("config-invalid", "no service of the Compose file is a sidecrypt", hint);
  }
  const sidecar = viewed.service;
  /** Source of a bind to the volume in its place. */
  const volumes = new Map<string, string>();
  const drops = new Set(dropNames(view));
  const engine = engineOf(viewed);
  const services = Object.entries(model.services).map(([name, service]) => {
    const cut = cutOff(service, sidecar);
    const isSidecar = name === sidecar;
    const mounts = isSidecar ? ownMounts(own, viewed, canary) : mountsOf(service, canary, engine, volumes);
    const rest = isSidecar ? withoutTrust(cut, viewed) : cut;
    return { name, cut: { ...rest, volumes: mounts }, taken: takenFrom(name, service, mounts, isSidecar) };
  });
  return {
    sidecar,
    model: {
      ...model,
      name: canary.project,
      services: Object.fromEntries(services.map(({ name, cut }) => [name, cut])),
      volumes: Object.fromEntries([
        ...Object.entries(model.volumes).map(([key, volume]) => [key, emptyVolume(volume, drops)] as const),
        ...[...volumes.values()].map((key) => [key, {}] as const),
      ]),
      networks: Object.fromEntries(
        // A service that left the host's network is in `default`.
        [...new Set(["default", ...Object.keys(model.networks)])].map((key) => [key, { internal: true }]),
      ),
    },
    taken: services.flatMap(({ taken }) => taken),
  };
}

/** Its key is a bind of the canary's: a secret of Compose at the same path would be a second mount there. */
function withoutTrust(service: ComposeService, viewed: ViewedService): ComposeService {
  const kept = Object.entries(service.environment ?? {}).filter(([name]) => !OF_THE_REAL_ONE.includes(name));
  const secrets = service.secrets?.filter((one) => secretPath(one) !== keyOf(viewed));
  return { ...service, environment: Object.fromEntries(kept), secrets };
}
