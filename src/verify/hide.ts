/** The last look at a report before it leaves: a container, a label or a path may be named after a value. */
import { shapeOf, type Searcher } from "../search/index.ts";

/** Words of our own, which a reader goes by. */
const OURS = new Set(["rule", "severity", "secret", "form"]);
const HIDDEN = "(hidden: it holds a value)";

/** Makes a function that returns the same document with each text in which something is found replaced. */
export function hider(searcher: Searcher): <T>(document: T) => T {
  const isTelling = (text: string): boolean => searcher.search(text).some(({ name }) => shapeOf(name) === null);
  const clean = (text: string): string => {
    if (!isTelling(text)) return text;
    // Of a path, what is quoted in it is a key of the engine's answer.
    const short = text.replace(/\["(?:[^"\\]|\\.)*"\]/g, "[a key]");
    return isTelling(short) ? HIDDEN : short;
  };
  const walk = (value: unknown): unknown => {
    if (typeof value === "string") return clean(value);
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, OURS.has(key) ? item : walk(item)]));
  };
  return (document) => walk(document) as typeof document;
}
