#!/usr/bin/env node
// What the pre-commit framework runs: builds the program once, in the clone of this repository that the framework keeps,
// and runs it where it was called from.
//
//   scripts/pre-commit.mjs COMMAND [ARGUMENTS]
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const PROGRAM = `${ROOT}/dist/sidecrypt.mjs`;

function node(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  return status ?? 1;
}

const built = existsSync(PROGRAM) ? 0 : node(`${ROOT}/scripts/bootstrap.mjs`, "scripts/build.mjs");
process.exit(built === 0 ? node(PROGRAM, ...process.argv.slice(2)) : built);
