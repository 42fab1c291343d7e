/** Waits for states, never for time: each wait says what it waits for, and fails loudly at its deadline. */

const LOOK_EVERY_MS = 150;
const DEFAULT_SECONDS = 45;

/** Anything but false, null and undefined ends the wait, and is returned. */
export async function waitUntil<T>(
  description: string,
  look: () => Promise<T | false | null | undefined> | T | false | null | undefined,
  seconds = DEFAULT_SECONDS,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  let trouble = "";
  for (;;) {
    try {
      const found = await look();
      if (found !== false && found !== null && found !== undefined) return found;
      trouble = "";
    } catch (thrown) {
      trouble = `; the last look failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    }
    if (Date.now() >= deadline) throw new Error(`not within ${seconds} s: ${description}${trouble}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
