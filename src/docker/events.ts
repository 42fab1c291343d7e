/** The engine's event stream: one JSON object a line. */
import type { Readable } from "node:stream";
import * as z from "zod";
import type { ContainerEvent } from "./port.ts";

/** One event is a few kilobytes of labels; a line beyond this is not one. */
const LINE_LIMIT = 1 << 20;

const event = z.object({
  Type: z.string(),
  Action: z.string(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()).nullish() }),
});

export async function* readEvents(stream: Readable, signal: AbortSignal): AsyncIterable<ContainerEvent> {
  let pending = "";
  stream.setEncoding("utf8");
  try {
    for await (const chunk of stream) {
      const lines = (pending + String(chunk)).split("\n");
      pending = lines.pop() ?? "";
      if (pending.length > LINE_LIMIT) pending = "";
      for (const line of lines) {
        const parsed = parseEvent(line);
        if (parsed !== null) yield parsed;
      }
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    stream.destroy();
  }
}

/** Null: not a container event, or not understood; the slow poll finds what an event would have said. */
export function parseEvent(line: string): ContainerEvent | null {
  const result = event.safeParse(tryJson(line));
  if (!result.success || result.data.Type !== "container") return null;
  const { Action, Actor } = result.data;
  return { action: Action, container: Actor.ID, labels: Actor.Attributes ?? {} };
}

function tryJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
