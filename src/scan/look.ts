/** One source → what stands in it. Memory is bounded whatever its size. */
import type { Searcher } from "../search/index.ts";
import { Groups } from "./groups.ts";
import { Layer } from "./layer.ts";
import type { Allowed, Finding, Source } from "./types.ts";

export interface Looked {
  readonly bytes: number;
  readonly findings: readonly Finding[];
  readonly allowed: readonly Allowed[];
  /** Why not all of it was looked at; null: all was. */
  readonly fault: string | null;
}

export async function look(source: Source, searcher: Searcher): Promise<Looked> {
  const { place } = source;
  const groups = new Groups();
  const layer = new Layer(searcher, (find) => {
    groups.add(find);
  });
  const whole = source.whole?.() ?? null;
  if (whole !== null) await layer.whole(whole);
  else for await (const chunk of source.read()) await layer.push(chunk);
  const fault = await layer.end();
  const findings = [...inName(place, searcher), ...groups.findings(place)];
  return { bytes: layer.size, findings, allowed: groups.allowed(place), fault };
}

function inName(place: string, searcher: Searcher): Finding[] {
  const names = new Set(searcher.search(place).map(({ name }) => name));
  return [...names].map((name) => ({ name, form: "in its name", place, lines: [], count: 1 }));
}
