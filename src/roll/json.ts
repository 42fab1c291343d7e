import type { Json } from "../docker/port.ts";

/** Null, "", [] and {} mean the same to the engine: not set. */
export function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.keys(value).length === 0;
}

export function asRecords(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

export function asList(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

export function asRecord(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
