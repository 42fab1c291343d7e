/** The names in a bundle, read without any key: nothing of it is authenticated, and no value is looked at. */
import { SidecryptError } from "../errors.ts";
import { readBundle } from "./stores.ts";

/** In the file's order; null: it is no bundle that can be read. */
export function namesWithoutKey(bytes: Uint8Array): readonly string[] | null {
  try {
    return readBundle(bytes).document.leaves.map(({ name }) => name);
  } catch (thrown) {
    if (thrown instanceof SidecryptError) return null;
    throw thrown;
  }
}
