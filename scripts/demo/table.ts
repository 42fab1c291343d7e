/** Containers before and after, and how long each service was away, by the engine's own events. */
import type { Events } from "./engine.ts";
import { seconds, table } from "./print.ts";
import { expect, until } from "./run.ts";
import type { Life, Lives } from "./stack.ts";

const EVENT_PATIENCE = 10_000;

/** The very same containers, started when they were. */
export function unchanged(before: Lives, after: Lives, services: readonly string[]): void {
  for (const service of services) {
    const [old, now] = [before.get(service), after.get(service)];
    expect(old?.id === now?.id && old?.startedAt === now?.startedAt, `${service} was not touched`);
  }
}

export async function showRoll(events: Events, before: Lives, after: Lives): Promise<void> {
  const rows: string[][] = [];
  for (const [service, old] of before) {
    const now = after.get(service);
    if (now !== undefined) rows.push([service, ...(await row(events, old, now))]);
  }
  table(["SERVICE", "CONTAINER", "STARTED (UTC)", "DOWN", "HEALTHY AFTER"], rows);
}

async function row(events: Events, old: Life, now: Life): Promise<string[]> {
  if (old.startedAt === now.startedAt) return [short(old), time(old), "-", "-"];
  const [stopped, started, healthy] = await until("the engine reports the change", EVENT_PATIENCE, () =>
    Promise.resolve(away(events, old, now)),
  );
  const container = old.id === now.id ? `${short(old)}, again` : `${short(old)} → ${short(now)}`;
  return [container, `${time(old)} → ${time(now)}`, seconds(started - stopped), seconds(healthy - stopped)];
}

/** When the old container ended, the present one started and was healthy; null: not all of it is reported yet. */
function away(events: Events, old: Life, now: Life): readonly [number, number, number] | null {
  const started = events.at("start", now.id);
  const stopped = events.at("die", old.id);
  const healthy = started === null ? null : events.firstAfter("health_status: healthy", now.id, started);
  return stopped === null || started === null || healthy === null ? null : [stopped, started, healthy];
}

function short({ id }: Life): string {
  return id.slice(0, 12);
}

function time({ startedAt }: Life): string {
  return startedAt.slice(11, 19);
}
