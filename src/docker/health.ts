/** A container's configured healthcheck. Pure. */
import * as z from "zod";
import type { Health, Inspected } from "./port.ts";

const schema = z.object({
  Test: z.array(z.string()).nullish(),
  Interval: z.number().nullish(),
  Timeout: z.number().nullish(),
  StartPeriod: z.number().nullish(),
  Retries: z.number().nullish(),
});

export type Healthcheck = z.infer<typeof schema>;

/** Durations in nanoseconds, as Docker has them; null: none, or switched off. */
export function healthcheckOf(container: Pick<Inspected, "config">): Healthcheck | null {
  const parsed = schema.safeParse(container.config["Healthcheck"]);
  const test = parsed.data?.Test ?? [];
  return parsed.success && test.length > 0 && test[0] !== "NONE" ? parsed.data : null;
}

/** Docker's default, and how many results it keeps. */
const RETRIES = 3;
const KEPT = 5;

/**
 * What the checks that began after a moment say, as Docker would have said it had the container started then: a status
 * from before a signal proves nothing about what came after it.
 */
export function statusSince(health: Health, since: number, healthcheck: Healthcheck | null): Health["status"] {
  const checks = health.checks.filter((one) => one.startedAt > since);
  const last = checks.at(-1);
  if (last === undefined) return "starting";
  if (last.exitCode === 0) return "healthy";
  const streak = checks.length - 1 - checks.findLastIndex((one) => one.exitCode === 0);
  const retries = healthcheck?.Retries ?? 0;
  return streak >= Math.min(retries === 0 ? RETRIES : retries, KEPT) ? "unhealthy" : "starting";
}
