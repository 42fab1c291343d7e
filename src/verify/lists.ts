/** Lists in messages, cut where they would be longer than what they say. */

export const LARGEST_LIST = 8;

export function listOf(names: readonly string[]): string {
  const shown = names.slice(0, LARGEST_LIST).join(", ");
  return names.length <= LARGEST_LIST ? shown : `${shown} and ${names.length - LARGEST_LIST} more`;
}
