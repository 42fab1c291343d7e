/** How a fault of a consumer is written: lower case, the service named, never a value. */
import type { ErrorCode } from "../errors.ts";
import type { Fault } from "../types.ts";

/** Known before any bundle is looked at: what it asks for is not understood, so its drop is left alone. */
export interface Broken {
  readonly fault: Fault;
  /** The drop that it mounts; null: none, or not to be told. */
  readonly volume: string | null;
}

export function faultOf(code: ErrorCode, subject: string, message: string, hint?: string): Fault {
  return { code, subject, message, hint };
}

/** The same fault of several services is told once. */
export function servicesByFault(faults: ReadonlyMap<string, Fault>): Map<Fault, string[]> {
  const services = new Map<Fault, string[]>();
  for (const [service, fault] of faults) services.set(fault, [...(services.get(fault) ?? []), service].toSorted());
  return services;
}

/** `a`, `a and b`, `a, b and 7 more`. */
export function listOf(names: Iterable<string>, most = 8): string {
  const sorted = [...names].toSorted();
  if (sorted.length > most) return `${sorted.slice(0, most - 1).join(", ")} … and ${sorted.length - most + 1} more`;
  const last = sorted.pop();
  return sorted.length === 0 ? (last ?? "") : `${sorted.join(", ")} and ${last ?? ""}`;
}
