/** A container's log as the engine sends it: frames of one stream each, or bytes as they are where it has a terminal. */
import { SidecryptError } from "../errors.ts";

export interface LogPiece {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/** Stream number, three zeros, length of what follows (big-endian). */
const HEADER = 8;

/**
 * @param isTerminal of the container's `Config.Tty`: then nothing is framed, and both streams are one
 * @throws SidecryptError `docker-refused` for what is not such a log, or ends within a frame
 */
export async function* readLog(chunks: AsyncIterable<Uint8Array>, isTerminal: boolean): AsyncIterable<LogPiece> {
  if (isTerminal) {
    for await (const bytes of chunks) yield { stream: "stdout", bytes };
    return;
  }
  let header = Buffer.alloc(0);
  let stream: LogPiece["stream"] = "stdout";
  let left = 0;
  for await (const chunk of chunks) {
    let rest = Buffer.concat([header, chunk]);
    header = Buffer.alloc(0);
    while (rest.length > 0) {
      if (left === 0) {
        if (rest.length < HEADER) {
          header = rest;
          break;
        }
        stream = streamOf(rest);
        left = rest.readUInt32BE(4);
        rest = rest.subarray(HEADER);
      }
      const bytes = rest.subarray(0, left);
      // A frame may be larger than memory is patient: it is passed on as it comes.
      if (bytes.length > 0) yield { stream, bytes };
      left -= bytes.length;
      rest = rest.subarray(bytes.length);
    }
  }
  if (left > 0 || header.length > 0) throw broken("it ends within a frame");
}

function streamOf(header: Buffer): LogPiece["stream"] {
  const kind = header[0];
  // 0 is the stdin of an attached container, which the engine shows as output.
  if (kind === undefined || kind > 2 || header.readUIntBE(1, 3) !== 0) throw broken("it has no frames");
  return kind === 2 ? "stderr" : "stdout";
}

function broken(how: string): SidecryptError {
  return new SidecryptError("docker-refused", `the engine's log of a container is not understood: ${how}`);
}
