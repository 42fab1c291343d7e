/** Where file events of the bundles are awaited. */
import { dirname, resolve } from "node:path";
import type { Config } from "../config.ts";

/** The directory of each listed bundle, once; with none listed, the bundle directory. */
export function watchedDirectories({ bundleDir, bundles }: Pick<Config, "bundleDir" | "bundles">): string[] {
  if (bundles.length === 0) return [bundleDir];
  return [...new Set(bundles.map((name) => dirname(resolve(bundleDir, name))))];
}
