/** What a bundle says of itself without any key. Nothing of it is authenticated: for people, and for pins to compare. */
import type { Format } from "./document.ts";
import { describeMetadata } from "./open.ts";
import type { RuleField } from "./rule.ts";
import { outwardFormat, readBundle } from "./stores.ts";

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
  const { age, otherServices, rule, lastModified } = describeMetadata(bundle);
  return {
    format: outwardFormat(bundle),
    recipients: age.map(({ recipient }) => recipient),
    otherServices,
    rule: { field: rule.field, text: rule.text },
    lastModified,
  };
}
