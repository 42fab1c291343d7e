/** Findings that are not of a value: made one way, so that they read one way. */
import type { Fault } from "../types.ts";
import type { Finding, Rule, Severity } from "./types.ts";

export interface About {
  readonly rule: Rule;
  readonly severity?: Severity;
  readonly subject: string;
  readonly place?: string;
}

export function finding(about: About, message: string, hint?: string): Finding {
  const { rule, severity = "misconfigured", subject, place = "" } = about;
  return { rule, severity, subject, secret: null, place, form: null, message, hint };
}

export const ofFault = (rule: Rule, { subject, message, hint, code }: Fault): Finding =>
  finding({ rule, subject, place: code }, message, hint);
