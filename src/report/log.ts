/**
 * The daemon's log: one JSON object a line. Takes an event and fields, and passes every finished line through the
 * redactor. Errors are written as code, subject, message and hint; bytes and maps, which hold values, never.
 */
import { pino } from "pino";
import type { Clock } from "../clock.ts";
import { toSidecryptError } from "../errors.ts";
import type { EventName } from "./events.ts";
import { MARK, type Redactor } from "./redact.ts";

/** Plain data; an Error anywhere in it is described. The names that the line itself uses are taken. */
export type Fields = Readonly<Record<string, unknown>> & { level?: never; time?: never; event?: never };

export interface Log {
  info(event: EventName, fields?: Fields): void;
  warn(event: EventName, fields?: Fields): void;
  error(event: EventName, fields?: Fields): void;
}

export interface LogOptions {
  readonly level: "info" | "warn" | "error";
  /** One line, its newline included. */
  readonly write: (line: string) => void;
  readonly redactor: Redactor;
  readonly clock: Clock;
}

/** Deeper than anything that is logged on purpose; ends a cycle too. */
const MAX_DEPTH = 8;

export function createLog({ level, write, redactor, clock }: LogOptions): Log {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: "event",
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
    },
    {
      write: (line: string) => {
        write(redactLine(line, redactor));
      },
    },
  );
  const record = (fields: Fields = {}): object => plain(fields, 0) as object;
  return {
    info: (event, fields) => {
      logger.info(record(fields), event);
    },
    warn: (event, fields) => {
      logger.warn(record(fields), event);
    },
    error: (event, fields) => {
      logger.error(record(fields), event);
    },
  };
}

function plain(value: unknown, depth: number): unknown {
  if (value instanceof Error) return describeError(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_DEPTH) return "[deep]";
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1));
  if (value instanceof Set) return [...value].map((item) => plain(item, depth + 1));
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return "[bytes]";
  if (value instanceof Map) return "[map]";
  // A field that is undefined is left out, as JSON does.
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, depth + 1)]));
}

/** Neither stack nor cause: a library's message can quote what it was given (tmpfs-and-leaks.md §4.3). */
function describeError(thrown: Error): object {
  const { code, message, hint } = toSidecryptError(thrown);
  const subject = "subject" in thrown && typeof thrown.subject === "string" ? thrown.subject : undefined;
  return { code, subject, message, hint };
}

/** A line stays one JSON object, whatever is taken out of it: log readers drop what they cannot parse. */
function redactLine(line: string, redactor: Redactor): string {
  const redacted = redactor.redact(line);
  if (redacted === line || isJson(redacted)) return redacted;
  // A value ran into JSON's own syntax (a number, quotes): field by field then, and the whole line once more.
  const again = redactor.redact(`${JSON.stringify(redactFields(JSON.parse(line), redactor))}\n`);
  return isJson(again) ? again : `{"level":"error","event":"defect","line":"${MARK}"}\n`;
}

function redactFields(value: unknown, redactor: Redactor): unknown {
  if (typeof value === "string") return redactor.redact(value);
  if (typeof value !== "object" || value === null) {
    const text = String(value);
    return redactor.redact(text) === text ? value : MARK;
  }
  if (Array.isArray(value)) return value.map((item) => redactFields(item, redactor));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [redactor.redact(key), redactFields(item, redactor)]),
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
