import { SidecryptError } from "../errors.ts";
import type { Bundle, Opened } from "../types.ts";

/**
 * Several opened bundles as one, with `digest` for all of them. Their order decides the order of the names and nothing
 * else: the same name in two of them is never one of two values.
 * @throws SidecryptError `bundle-conflict`
 */
export function merge(digest: string, parts: readonly { readonly bundle: Bundle; readonly opened: Opened }[]): Opened {
  const secrets = new Map<string, Uint8Array>();
  const origins = new Map<string, string>();
  for (const { bundle, opened } of parts) {
    for (const [name, value] of opened.secrets) {
      const other = origins.get(name);
      if (other !== undefined) throw conflict(name, other, bundle.path);
      origins.set(name, bundle.path);
      secrets.set(name, value);
    }
  }
  const warnings = parts.flatMap(({ opened }) => opened.warnings);
  return { digest, secrets, warnings, fingerprintKey: parts[0]?.opened.fingerprintKey ?? new Uint8Array() };
}

function conflict(name: string, first: string, second: string): SidecryptError {
  return new SidecryptError(
    "bundle-conflict",
    `${name} stands in two bundles: ${first} and ${second}`,
    `take it out of one of them: sops unset ${second} '["${name}"]'`,
  );
}
