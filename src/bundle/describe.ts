/** What a bundle says of itself without any key. Nothing of it is authenticated: for people, and for pins to compare. */
import { parseBundle } from "./open.ts";
import type { RuleField } from "./rule.ts";
import type { Format } from "./sniff.ts";

export interface Description {
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
  const { age, otherServices, rule, lastModified } = parseBundle(bytes).metadata;
  return {
    format: "dotenv",
    recipients: age.map(({ recipient }) => recipient),
    otherServices,
    rule: { field: rule.field, text: rule.text },
    lastModified,
  };
}
