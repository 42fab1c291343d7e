/** A container's configured healthcheck. Pure. */
import * as z from "zod";
import type { Inspected } from "./port.ts";

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
