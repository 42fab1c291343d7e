/** What a bundle says of itself without any key. Nothing of it is authenticated: for people, and for pins to compare. */
import { isSound } from "./datakey.ts";
import type { Format } from "./document.ts";
import { describeMetadata, openUnsealed, type OpenOptions } from "./open.ts";
import type { Bundle, Opened } from "../types.ts";
import type { Identities } from "./identities.ts";
import type { Metadata } from "./metadata.ts";
import type { RuleField } from "./rule.ts";
import { outwardFormat, readBundle, type BundleText } from "./stores.ts";

export interface Description {
  /** "binary" where it may be that: a JSON file with the one value `data` looks the same. */
  readonly format: Format;
  /** Labels: nothing ties them to the keys that open the file. */
  readonly recipients: readonly string[];
  /** Key services other than age that it is encrypted for too. */
  readonly otherServices: readonly string[];
  readonly rule: { readonly field: RuleField; readonly text: string };
  /** RFC 3339, whole seconds. */
  readonly lastModified: string;
}

export function describeBundle(bytes: Uint8Array): Description {
  const bundle = readBundle(bytes);
  return descriptionOf(bundle, describeMetadata(bundle));
}

/** Those of whom no entry can be what its label says: none opens for its owner. That they can does not prove that they do. */
export function brokenRecipients(bytes: Uint8Array): readonly string[] {
  const { age } = describeMetadata(readBundle(bytes));
  const sound = new Set(age.filter(isSound).map(({ recipient }) => recipient));
  return [...new Set(age.map(({ recipient }) => recipient))].filter((recipient) => !sound.has(recipient));
}

/** Both, read once. */
export async function openDescribed(
  bundle: Bundle,
  identities: Identities,
  options: OpenOptions,
): Promise<{ readonly opened: Opened; readonly description: Description }> {
  const { opened, unsealed } = await openUnsealed(bundle, identities, options);
  return { opened, description: descriptionOf(unsealed, unsealed.metadata) };
}

function descriptionOf(bundle: BundleText, { age, otherServices, rule, lastModified }: Metadata): Description {
  return {
    format: outwardFormat(bundle),
    recipients: age.map(({ recipient }) => recipient),
    otherServices,
    rule: { field: rule.field, text: rule.text },
    lastModified,
  };
}
