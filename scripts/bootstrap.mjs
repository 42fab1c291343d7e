// Runs a TypeScript file of this repository on a fresh clone: installs what package-lock.json names where it is not
// there yet, then runs the file with tsx. No dependency, and no syntax that an old Node does not know.
//
//   node scripts/bootstrap.mjs FILE [ARGUMENTS]
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = [20, 19];
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

function fail(message) {
  process.stderr.write(`sidecrypt: ${message}\n`);
  process.exit(1);
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  fail(`this needs Node ${OLDEST_NODE.join(".")} or later, and this is ${process.version}`);
}

function packages(lockFile) {
  const found = JSON.parse(readFileSync(`${ROOT}/${lockFile}`, "utf8")).packages;
  return new Map(Object.entries(found).filter(([path]) => path !== ""));
}

// npm keeps beside the packages what it installed, in the lock file's own form. Optional ones that are not there
// belong to other machines.
function isInstalled() {
  const wanted = packages("package-lock.json");
  let present;
  try {
    present = packages("node_modules/.package-lock.json");
  } catch {
    return false;
  }
  const same = ([path, entry]) => {
    const other = present.get(path);
    return other === undefined ? entry.optional === true : other.integrity === entry.integrity;
  };
  return [...wanted].every(same) && [...present.keys()].every((path) => wanted.has(path));
}

function install() {
  process.stderr.write("sidecrypt: installing what package-lock.json names (npm ci); this is done once\n");
  const options = { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] };
  const { status, error } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-fund", "--no-audit"], options);
  if (error !== undefined) fail(`npm cannot be run (${error.code})`);
  if (status !== 0) fail("npm ci failed; what it said is above");
}

// In the same terminal both get a Ctrl-C, and the program decides what becomes of it.
function run(file, args) {
  const options = { cwd: ROOT, stdio: "inherit" };
  const child = spawn(process.execPath, ["--import", "tsx", file, ...args], options);
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", ({ code }) => fail(`${file} cannot be run (${code})`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

checkNode();
const [file, ...args] = process.argv.slice(2);
if (file === undefined) fail("usage: node scripts/bootstrap.mjs FILE [ARGUMENTS]");
if (!isInstalled()) install();
run(file, args);
