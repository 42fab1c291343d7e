/** The stack of most tests: a redis, two bots that need it, and a database that nobody waits for. */
import type { Opened } from "../../src/types.ts";
import { plan, printPlan } from "../../src/plan/index.ts";
import { bundle, container, input, settled, world, type ServiceOptions } from "./builders.ts";

export const text = (...args: Parameters<typeof input>): string => printPlan(plan(input(...args)));
export const NOTHING = "nothing to do\n";

export const before = bundle({ BOT1_KEY: "k1", BOT2_KEY: "k2", REDIS_PASSWORD: "old", DB_PASSWORD: "db" });
export const after = (changes: Record<string, string | undefined>, overrides: Partial<Opened> = {}): Opened => {
  const values = Object.fromEntries([...before.secrets].map(([name, bytes]) => [name, Buffer.from(bytes).toString()]));
  const kept = Object.entries({ ...values, ...changes }).filter(([, value]) => value !== undefined);
  return bundle(Object.fromEntries(kept) as Record<string, string>, overrides);
};

export const redis = (options: ServiceOptions = {}) => container("redis", { secrets: "REDIS_PASSWORD", ...options });
export const bot1 = (options: ServiceOptions = {}) =>
  container("bot1", { secrets: "BOT1_* REDIS_PASSWORD", dependsOn: ["redis"], ...options });
export const bot2 = (options: ServiceOptions = {}) =>
  container("bot2", { secrets: "BOT2_* REDIS_PASSWORD", dependsOn: ["redis"], ...options });
export const db = (options: ServiceOptions = {}) => container("db", { secrets: "DB_PASSWORD", ...options });

export const stack = settled(world([redis(), bot1(), bot2(), db()]), before);
