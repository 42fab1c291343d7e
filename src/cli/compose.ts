/** The user's own Compose file, rendered by Compose itself. */
import { readFile } from "node:fs/promises";
import { parseModel, type ComposeModel } from "../compose-model/index.ts";
import { SidecryptError, systemCode } from "../errors.ts";
import { usage } from "./arguments.ts";
import type { Io } from "./io.ts";

/** What a rendered model of a big stack is far below. */
const LARGEST_MODEL = 16 * 1024 * 1024;

/**
 * @param file - a Compose file, a model that is rendered already, or `-` for one on stdin; null: the one that Compose
 *   finds here
 * @throws SidecryptError `usage`, `config-invalid`, `docker-unreachable`
 */
export async function readCompose(file: string | null, io: Io, command: string): Promise<ComposeModel> {
  if (file === "-") return parseModel(await readStdin(io));
  const text = file === null ? "" : await readText(file, command);
  // Compose takes JSON for YAML too; but what has the shape of a model is one, whoever has rendered it.
  return parseModel(text.trimStart().startsWith("{") ? text : await rendered(file, io));
}

async function rendered(file: string | null, io: Io): Promise<string> {
  const where = file === null ? [] : ["-f", file];
  const { code, stdout } = await io.docker(["compose", ...where, "config", "--format", "json"]);
  if (code === 0) return stdout;
  // Compose's own message may repeat a line of the file.
  const shown = ["docker compose", ...where, "config --quiet"].join(" ");
  throw new SidecryptError(
    "config-invalid",
    `docker compose config fails with exit status ${code}`,
    `see why: ${shown}`,
  );
}

async function readText(file: string, command: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (thrown) {
    throw usage(`${file} cannot be read: ${systemCode(thrown) ?? "unknown error"}`, command);
  }
}

async function readStdin({ stdin }: Io): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of stdin) {
    pieces.push(Buffer.from(piece));
    size += piece.length;
    if (size > LARGEST_MODEL) throw new SidecryptError("config-invalid", "stdin is too long for a Compose model");
  }
  return Buffer.concat(pieces).toString();
}
