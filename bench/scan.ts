/** Searching: `sidecrypt scan` with every form of every value, beside grep with the values alone, as whole processes. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../scripts/demo/files.ts";
import { run } from "../scripts/demo/run.ts";
import { falseAlarms } from "./false-alarms.ts";
import { measureLongStream } from "./long-stream.ts";
import { timed, type Cost } from "./processes.ts";
import type { Report } from "./report.ts";
import { median, milliseconds, ratio } from "./statistics.ts";

export interface ScanOptions {
  readonly sops: string;
  /** Bytes of the log. */
  readonly size: number;
  readonly times: number;
}

const PROGRAM = join(ROOT, "dist/sidecrypt.mjs");
/** The small one shows what a start costs, the large one what a search does. */
const TREES = ["node_modules/typescript", "node_modules"];
const COUNTS = [10, 100];

export async function measureScan({ sops, size, times }: ScanOptions, report: Report): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sidecrypt-bench-"));
  try {
    await run(process.execPath, [join(ROOT, "scripts/build.mjs")]);
    const log = join(directory, "bot.log");
    await writeLog(log, size);
    await run(process.execPath, [PROGRAM, "keygen", "-o", keyOf(directory)]);
    const rows: string[][] = [];
    for (const count of COUNTS) {
      const { bundle, values } = await makeBundle(directory, count, sops);
      for (const [what, place] of [
        [`a log of ${size / 1e6} MB`, log],
        ...TREES.map((tree) => [tree, join(ROOT, tree)] as const),
      ] as const) {
        const [ours, grep] = await compare({ directory, bundle, values, place, times });
        const faster = ours.cpu / grep.cpu;
        rows.push([what, String(count), both(ours), both(grep), ratio(faster)]);
        report.target(`scan takes less than grep -F -f: ${what}, ${count} values`, ratio(faster), faster < 1);
      }
    }
    report.table(
      "Searching (whole processes; the bundle is opened, and each value searched in every form)",
      ["WHERE", "VALUES", "SCAN: CPU, WALL", "GREP -F -f, VALUES ALONE", "CPU, OF GREP'S"],
      rows,
    );
    await falseAlarms(PROGRAM, directory, report);
    await measureLongStream(PROGRAM, report);
  } finally {
    await rm(directory, { recursive: true });
  }
}

const keyOf = (directory: string): string => join(directory, "age.key");
const both = ({ cpu, wall }: Cost): string => `${milliseconds(cpu)}, ${milliseconds(wall)}`;

const WORDS =
  "connected order filled price websocket reconnect BTCUSDT ETHUSDT position closed margin timeout retry GET POST balance ticker depth".split(
    " ",
  );

/** What a bot says: times, ids, JSON, paths. The same each time. */
async function writeLog(path: string, size: number): Promise<void> {
  const out = createWriteStream(path);
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let written = 0; written < size;) {
    const lines = Array.from({ length: 5_000 }, () => {
      const text = Array.from({ length: 12 }, () => WORDS[random(WORDS.length)]).join(" ");
      const id = random(2 ** 24).toString(16) + random(2 ** 24).toString(16);
      const time = new Date(1_700_000_000_000 + random(2 ** 24) * 60).toISOString();
      return `${time} level=info id=${id} {"event":"${text}","amount":${random(1e6) / 1000},"path":"/srv/bot/data/${id}"}\n`;
    }).join("");
    written += lines.length;
    if (!out.write(lines)) await once(out, "drain");
  }
  out.end();
  await once(out, "close");
}

interface Values {
  readonly bundle: string;
  /** A file with one value a line, for grep. */
  readonly values: string;
}

async function makeBundle(directory: string, count: number, sops: string): Promise<Values> {
  const made = Array.from({ length: count }, (_, index) => {
    const bytes = createHash("sha256").update(`bench ${index}`).digest().subarray(0, 24);
    return bytes.toString(index % 2 === 0 ? "hex" : "base64url");
  });
  const [plain, bundle, values] = ["env", "enc.env", "values"].map((end) => join(directory, `${count}.${end}`));
  await writeFile(plain!, made.map((value, index) => `BOT${index}_API_KEY=${value}\n`).join(""));
  await writeFile(values!, `${made.join("\n")}\n`);
  const recipient = /age1[a-z\d]+/.exec(await run("grep", ["public key", keyOf(directory)]))![0];
  await run(sops, ["--config", "/dev/null", "encrypt", "--age", recipient, "--output", bundle!, plain!]);
  return { bundle: bundle!, values: values! };
}

interface Compared extends Values {
  readonly directory: string;
  readonly place: string;
  readonly times: number;
}

/** In turns, so that what else the machine does meets both. */
async function compare({ directory, bundle, values, place, times }: Compared): Promise<[Cost, Cost]> {
  const [ours, grep]: [Cost[], Cost[]] = [[], []];
  const scan = [process.execPath, PROGRAM, "scan", "--bundle", bundle, place];
  for (let round = 0; round < times; round++) {
    ours.push(await timed(scan, [0, 1], directory));
    // 1: found nothing.
    grep.push(await timed(["grep", "-r", "-c", "-F", "-f", values, place], [1], directory));
  }
  return [medians(ours), medians(grep)];
}

const medians = (costs: readonly Cost[]): Cost => ({
  wall: median(costs.map(({ wall }) => wall)),
  cpu: median(costs.map(({ cpu }) => cpu)),
});
