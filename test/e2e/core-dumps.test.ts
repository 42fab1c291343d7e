/** The limit that the compose files set, against a crash with a secret in memory. */
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createSearcher } from "../../src/search/index.ts";
import { run } from "./harness/run.ts";
import { randomValue } from "./harness/values.ts";

const PATTERN = readFileSync("/proc/sys/kernel/core_pattern", "utf8");
/** As a string, as a value that was parsed is held; its file is all that names it. */
const CRASH = "globalThis.held = require('fs').readFileSync('/work/value', 'utf8') + '.'; process.abort()";

/** What a crash under this limit leaves in the directory that it happens in. */
async function crash(limit: string, value: string): Promise<Uint8Array[]> {
  const directory = await mkdtemp(join(tmpdir(), "sidecrypt-core-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  await chmod(directory, 0o777);
  await writeFile(join(directory, "value"), value);
  const limits = [
    "--ulimit",
    `core=${limit}`,
    "--network",
    "none",
    "--volume",
    `${directory}:/work`,
    "--workdir",
    "/work",
  ];
  const { code } = await run("docker", ["run", "--rm", ...limits, "--entrypoint", "node", "sidecrypt", "-e", CRASH]);
  expect(code).toBeGreaterThan(128);
  const cores = (await readdir(directory)).filter((file) => file !== "value");
  return Promise.all(cores.map((file) => readFile(join(directory, file))));
}

// Where it is a pipe, the dump goes to a program on the host: nothing to look into here.
test.skipIf(/^[|/]/.test(PATTERN))(
  "a crash leaves the secret on disk without the limit, and nothing with it",
  async () => {
    const value = randomValue();
    const searcher = createSearcher([{ name: "VALUE", value: Buffer.from(value) }]);
    const [core = new Uint8Array()] = await crash("-1", value);
    expect(searcher.search(core).map(({ name }) => name)).toContain("VALUE");
    for (const limit of ["0", "1"]) expect(await crash(limit, value)).toEqual([]);
  },
);
