/** Does `verify` cry wolf? A large corpus without a leak is searched for many weak values, on a real engine. */
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { randomValue } from "../harness/values.ts";
import { waitUntil } from "../harness/wait.ts";
import { openProject, type Project } from "./project.ts";

/** Megabytes of text that nobody here wrote. */
const CORPUS = fileURLToPath(new URL("../../../node_modules/typescript/lib", import.meta.url));

let project: Project;
beforeAll(async () => void (project = await openProject()));
afterAll(() => project.close());

/** §1.4: found with no leak at all by a search that knows no better. */
const WORDS = "true false bot info production test default local 8080 bridge json-file sleep".split(" ");
const LOWER = "abcdefghijklmnopqrstuvwxyz";
const ALPHABETS = {
  digits: "0123456789",
  hex: "0123456789abcdef",
  lower: LOWER,
  base62: `0123456789${LOWER}${LOWER.toUpperCase()}`,
};
/** As the names and settings of a `.env` are, which stand in many a text with another meaning. */
const ASSIGNED =
  "NODE_ENV=production LOG_LEVEL=debug TZ=UTC PORT=5432 NODE_ENV DEBUG=true LANG=C.UTF-8 API_KEY= key=value".split(" ");

function random(alphabet: string, length: number): string {
  return [...randomBytes(length)].map((byte) => alphabet[byte % alphabet.length]).join("");
}

test("a large clean corpus must give no false alarm, with words and short values among those that are searched for", async () => {
  const id = await project.run("corpus", {
    Image: "sidecrypt-bot",
    Entrypoint: ["sh", "-c", "cat /corpus/lib*.d.ts /corpus/_tsc.js; ls -lR /usr; exec sleep 1000"],
    Env: ["MODE=production", "LOG=info", "PORT=8080", "DEBUG=false", "LIMIT=1000"],
    HostConfig: { NetworkMode: "none", Binds: [`${CORPUS}:/corpus:ro`] },
  });
  await waitUntil("the corpus stands in the log", async () =>
    (await project.evidence.top(id, "ww")).rows.some((row) => row.at(-1)?.startsWith("sleep")),
  );
  const weak = Object.entries(ALPHABETS).flatMap(([name, alphabet]) =>
    [3, 4, 5, 6, 8].flatMap((length) =>
      Array.from({ length: 40 }, (_, index) => ({
        name: `${name} ${length} ${index}`,
        value: random(alphabet, length),
      })),
    ),
  );
  const strong = Array.from({ length: 100 }, (_, index) => ({ name: `strong ${index}`, value: randomValue() }));
  const words = WORDS.map((value) => ({ name: `word ${value}`, value }));
  const assigned = ASSIGNED.map((value) => ({ name: `assigned ${value}`, value }));
  const report = await project.verify(
    [...weak, ...strong, ...words, ...assigned].map(({ name, value }) => ({ name, value: Buffer.from(value) })),
  );

  expect(report.findings.filter(({ severity }) => severity === "leak")).toEqual([]);
  expect(report.looked.logBytes).toBeGreaterThan(1_000_000);
  const listed = new Set([...report.unchecked, ...report.weak].map(({ name }) => name));
  expect(words.filter(({ name }) => !listed.has(name))).toEqual([]);
  process.stdout.write(
    `verify: no false alarm in ${Math.round(report.looked.logBytes / 2 ** 20)} MiB of logs with ${weak.length + words.length + assigned.length} weak values, ` +
      `${report.unchecked.length} of them listed as not searched for\n`,
  );
});
