/** Recipients by their keys, however these are spelled. */

/**
 * An SSH key without its comment, which anybody may word as he likes; an age key in small letters, in which alone age
 * takes it, since bech32 means the same in capitals.
 */
export function comparable(recipient: string): string {
  const key = recipient.trim().split(/\s+/).slice(0, 2).join(" ");
  return /^AGE1[A-Z0-9]+$/.test(key) ? key.toLowerCase() : key;
}

export function without(recipients: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others.map(comparable));
  return recipients.filter((one) => !known.has(comparable(one)));
}

/** Each key once, as it is spelled first. */
export function unique(recipients: readonly string[]): string[] {
  const spelled = new Map<string, string>();
  for (const one of recipients) if (!spelled.has(comparable(one))) spelled.set(comparable(one), one);
  return [...spelled.values()];
}

export function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return without(a, b).length === 0 && without(b, a).length === 0;
}
