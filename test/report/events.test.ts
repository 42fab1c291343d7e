import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { EVENTS } from "../../src/report/events.ts";

it("every event that is logged is in the list", async () => {
  const source = join(import.meta.dirname, "../../src");
  const unknown: string[] = [];
  for (const file of await readdir(source, { recursive: true })) {
    if (!file.endsWith(".ts")) continue;
    const text = await readFile(join(source, file), "utf8");
    for (const [, event = ""] of text.matchAll(/\blog\.(?:info|warn|error)\(\s*"([^"]+)"/g)) {
      if (!Object.hasOwn(EVENTS, event)) unknown.push(`${file}: ${event}`);
    }
  }
  expect(unknown).toEqual([]);
});
