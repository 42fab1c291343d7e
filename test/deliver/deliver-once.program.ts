/** One delivery, as whoever runs this. Arguments: path. Prints what came of it as JSON. */
import { readFileSync } from "node:fs";
import { deliver, readDrop } from "../../src/deliver/index.ts";
import { toSidecryptError } from "../../src/errors.ts";

const [path = ""] = process.argv.slice(2);
const drop = { path, volume: "bot1-secrets" };
const files = new Map([["API_KEY", Buffer.from("k-1")]]);
const capabilities = /CapEff:\s*([0-9a-f]+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];

async function run() {
  try {
    await deliver(drop, { volume: drop.volume, id: "a".repeat(16), files, bundleDigest: null }, []);
    await deliver(drop, { volume: drop.volume, id: "b".repeat(16), files, bundleDigest: null }, []);
    return { delivered: (await readDrop(path, drop.volume)).current?.id };
  } catch (error) {
    const { code, message, hint } = toSidecryptError(error);
    return { code, message, hint };
  }
}

process.stdout.write(JSON.stringify({ capabilities, ...(await run()) }));
