/** Opens a bundle again and again, in a process under the image's own flags. Prints the median in milliseconds. */
import { readFile } from "node:fs/promises";
import { open, parseIdentities } from "../src/bundle/index.ts";
import { median } from "./statistics.ts";

const TIMES = 5;

const [path = "", keyFile = ""] = process.argv.slice(2);
const identities = await parseIdentities(await readFile(keyFile, "utf8"), keyFile);
const bundle = { path, bytes: await readFile(path), digest: "" };
const options = { allowEmpty: new Set<string>(), dotenv: "compose" } as const;
const taken: number[] = [];
// The first one pays for what is loaded on the way.
for (let round = 0; round <= TIMES; round += 1) {
  const begun = performance.now();
  await open(bundle, identities, options);
  if (round > 0) taken.push(performance.now() - begun);
}
process.stdout.write(String(median(taken)));
