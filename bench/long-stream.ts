/** A stream that is far larger than what `sidecrypt scan -` may hold of it: how much memory it takes at most. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "../scripts/demo/run.ts";
import type { Report } from "./report.ts";
import { megabytes } from "./statistics.ts";

const SIZE = 2e9;
const MOST = 200e6;
const BLOCK = 2 ** 20;
/** The process itself tells it at its end: what its parent hears of children is the most of all. */
const TELL = `import { writeFileSync } from "node:fs";
process.on("exit", () => writeFileSync(process.env.BENCH_MEMORY, String(process.resourceUsage().maxRSS * 1024)));
`;

/** A key at the end shows that all of it was looked at. */
export async function measureLongStream(program: string, report: Report): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sidecrypt-bench-"));
  try {
    const [tell, memory] = [join(directory, "tell.mjs"), join(directory, "memory")];
    await writeFile(tell, TELL);
    const child = spawn(process.execPath, ["--import", tell, program, "scan", "--no-bundle", "-"], {
      env: { ...process.env, BENCH_MEMORY: memory },
      stdio: ["pipe", "ignore", "inherit"],
    });
    const ended = once(child, "close");
    for (const block of blocks()) if (!child.stdin.write(block)) await once(child.stdin, "drain");
    child.stdin.end();
    const [code] = (await ended) as [number];
    expect(code === 1, "sidecrypt scan - finds the key at the end of the stream");
    const most = Number(await readFile(memory, "utf8"));
    report.table("A stream of 2 GB", ["WHAT", "MEMORY AT MOST"], [["sidecrypt scan -", megabytes(most)]]);
    report.target(`scan - of 2 GB takes less than ${megabytes(MOST)}`, megabytes(most), most < MOST);
  } finally {
    await rm(directory, { recursive: true });
  }
}

function* blocks(): Generator<Buffer> {
  const text = Buffer.from(
    "2026-01-01T00:00:00Z level=info order filled at 12.5, id 9f86d081\n".repeat(BLOCK / 60),
  ).subarray(0, BLOCK);
  for (let written = 0; written < SIZE; written += BLOCK) yield text;
  // Made up, in parts so that no scanner of this repository takes it for a key.
  yield Buffer.from(`\n${["gh", "p_q8Zr3LkT9wXv2BnM7sYp4DcG6hJfR1tKe5Ua"].join("")}\n`);
}
