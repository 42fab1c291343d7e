/** How drops and the bundle are mounted: what would lie on a disk, or be changed by a consumer. Pure. */
import { finding, type Finding } from "./finding.ts";
import { isConsumer, SECRETS, type StackView, type ViewedService } from "./view.ts";

const BUNDLE_DIR = "/bundle";

export function exposureFindings(view: StackView): Finding[] {
  const { sidecar, services } = view;
  return [...(sidecar === null ? [] : singleFile(sidecar)), ...services.flatMap(mountsOf), ...dropsOf(view)];
}

export const bundleDirOf = ({ settings }: ViewedService): string => settings["SIDECRYPT_BUNDLE_DIR"] ?? BUNDLE_DIR;

/** The directory on the host, and the names in it that the sidecar is told; null: it is no bind of the host's. */
export function bundleOf(sidecar: ViewedService): { readonly path: string; readonly listed: readonly string[] } | null {
  const directory = bundleDirOf(sidecar);
  const mount = sidecar.mounts.find(({ type, target }) => type === "bind" && target === directory);
  if (mount === undefined) return null;
  const words = (sidecar.settings["SIDECRYPT_BUNDLE"] ?? "").split(/[\s,]+/).filter((word) => word !== "");
  return { path: mount.source, listed: words.map((word) => word.replace(`${directory}/`, "")) };
}

/** What lies below the directory is a file, whatever is there now: the directory itself is what has to be mounted. */
function singleFile(sidecar: ViewedService): Finding[] {
  const below = `${bundleDirOf(sidecar)}/`;
  const found = sidecar.mounts.find(({ type, target }) => type === "bind" && target.startsWith(below));
  if (found === undefined) return [];
  const message = `${found.target} is mounted alone: a git pull makes a new file, which the mount would never show`;
  const hint = `./${found.source.split("/").at(-2) ?? "secrets"}:${bundleDirOf(sidecar)}:ro`;
  return [finding("error", "bundle-single-file", sidecar.service, message, hint)];
}

function mountsOf(service: ViewedService): Finding[] {
  const drop = service.mounts.find(({ target, type }) => target === SECRETS && type === "volume");
  if (drop === undefined || !isConsumer(service)) return [];
  const { service: name } = service;
  const hint = `volumes: ["${drop.source}:${SECRETS}:ro,nocopy"]`;
  return [
    ...(drop.writable
      ? [finding("error", "mount-writable", name, `service ${name} mounts its drop ${drop.source} writable`, hint)]
      : []),
    ...(drop.nocopy
      ? []
      : [
          finding(
            "warning",
            "mount-without-nocopy",
            name,
            `service ${name} mounts ${drop.source} without nocopy`,
            hint,
          ),
        ]),
  ];
}

/** A drop is what a consumer has at /run/secrets; that the sidecar has it too is another check's. */
export function dropNames({ services }: StackView): string[] {
  const mounts = services.filter(isConsumer).flatMap(({ mounts }) => mounts);
  return [...new Set(mounts.filter(({ target }) => target === SECRETS).map(({ source }) => source))];
}

export const PASTE = `driver_opts: { type: tmpfs, device: tmpfs, o: "size=1m,mode=2750,gid=1000,noexec,nosuid,nodev" }`;

function dropsOf(view: StackView): Finding[] {
  return dropNames(view).flatMap((name): Finding[] => {
    const volume = view.volumes.get(name);
    const key = volume?.key ?? name;
    if (volume?.external === true) return [];
    const type = volume?.options?.["type"];
    if (type === "tmpfs" || type === "ramfs") return [];
    const message = `volume ${key} is not defined as tmpfs: secrets would lie on a disk`;
    return [finding("error", "volume-not-memory", key, message, `${key}: { ${PASTE} }`)];
  });
}
