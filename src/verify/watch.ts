/**
 * `--watch`: what is gone a moment later, looked at again and again. Processes, exec instances and the output of health
 * checks each time; logs and events, of which only what is new is asked for, every few times.
 */
import type { Clock } from "../clock.ts";
import { isUp } from "../container-state.ts";
import { parseInspect } from "../docker/inspect.ts";
import type { Inspected, Json } from "../docker/port.ts";
import { lookAtExecs, lookAtProcesses, searchLog, type Look } from "./places.ts";
import { lookAtEvents, type StackEvidence } from "./stack.ts";

/** Between two looks. */
const EVERY = 500;
/** Between two looks at logs and events; what lies a moment before is read again, since a line may come late. */
const NEWS_EVERY = 2_000;
const OVERLAP = 1_000;
const [OUTPUT, WATCHED] = ["State.Health.Log", "while it was watched"];

export async function watch(
  clock: Clock,
  look: Look,
  stack: StackEvidence,
  project: string,
  ms: number,
): Promise<void> {
  const until = clock.now() + ms;
  const running = stack.ours.map(parseInspect).filter(isUp);
  const { into } = look;
  let news = clock.now();
  const lookForNews = async (): Promise<void> => {
    const since = news - OVERLAP;
    news = clock.now();
    for (const one of running) await into.look(one.name, "log", () => lookAtNewLines(look, one, since));
    await lookAtEvents(look, stack, project, news, since);
  };
  while (clock.now() < until) {
    for (const one of running) {
      await into.look(one.name, "processes", () => lookAtProcesses(look, one));
      await into.look(one.name, "exec instances", () => lookAtState(look, one));
    }
    if (clock.now() - news >= NEWS_EVERY) await lookForNews();
    await clock.sleep(Math.min(EVERY, Math.max(0, until - clock.now())));
  }
  await lookForNews();
}

/** The engine keeps the output of five health checks, and of an exec instance nothing once it has ended. */
async function lookAtState(look: Look, { id, name }: Inspected): Promise<void> {
  const raw = await look.evidence.container(id);
  if (raw === null) return;
  await lookAtExecs(look, raw, name);
  const { into } = look;
  const health = (raw["State"] as { readonly Health?: Json | null } | undefined)?.Health ?? null;
  for (const hit of into.searcher.searchJson(health)) {
    const spot = { rule: "value-in-inspect", subject: name, container: id, place: `${OUTPUT} ${WATCHED}` } as const;
    into.hitAnew(spot, hit, OUTPUT);
  }
}

async function lookAtNewLines(look: Look, container: Inspected, since: number): Promise<void> {
  const { id, name } = container;
  const tell: Parameters<typeof searchLog>[2] = (stream, hit) => {
    const spot = { rule: "value-in-log", subject: name, container: id, place: `${stream} ${WATCHED}` } as const;
    look.into.hitAnew(spot, hit, `${stream} `);
  };
  await searchLog(look, container, tell, since / 1000);
}
