/** What may never be said, and in which forms. */
import { expect } from "vitest";

/** With characters that JSON, URLs and shells write otherwise. */
export const VALUE = 'k7Qv"3xZ\\p9&wL2/tR5+mN8=yB1';
export const OTHER = "Wd9sTg5jHb3n";

/** As it is, as JSON, base64, hex and a URL write it, whole and its first eight characters. */
function forms(canary: string): string[] {
  const bytes = Buffer.from(canary);
  const all = [canary, JSON.stringify(canary).slice(1, -1), bytes.toString("base64"), bytes.toString("hex")];
  const more = [encodeURIComponent(canary), canary.toLowerCase(), bytes.toString("base64url")];
  return [...new Set([...all, ...more])].map((form) => form.slice(0, 8));
}

export function requireSilence(said: string, canaries: readonly string[]): void {
  for (const form of canaries.flatMap(forms)) expect(said.includes(form), `says ${form}`).toBe(false);
}
