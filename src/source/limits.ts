/** A bundle of secrets is kilobytes; what is larger is something else. */
export const LARGEST_BUNDLE = 16 * 2 ** 20;

/** A signature is a kilobyte at most; a file of signers a line for each. */
export const LARGEST_SIGNATURE = 64 * 2 ** 10;
export const LARGEST_SIGNERS = 2 ** 20;

/** What editors, git and our own writer leave beside a file for a moment, or for ever. */
const LEFTOVER = /~$|\.(?:sw[a-p]|tmp|orig|bak|lock)$|^\.#|^#.*#$|^4913$/;

export function isLeftover(name: string): boolean {
  return LEFTOVER.test(name);
}
