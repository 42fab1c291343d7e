/** One consumer against what its drop shall hold: which of its containers have it, keep what they have, or must move. */
import { isUp } from "../container-state.ts";
import type { Consumer, Delivered, Generation, ObservedContainer, ObservedDrop, Opened, SeenEntry } from "../types.ts";
import { changesFor, namesOf, NO_CHANGES, type Changes } from "./changes.ts";
import { filesOn, type DropWant, type Evaluation } from "./evaluate.ts";
import type { Files } from "./generation.ts";
import { requestFault } from "./resolve.ts";
import type { Request } from "./stack.ts";

/**
 * Docker stamps a start after the process began: one that is stamped shortly after the flip may have read the old
 * files.
 */
export const START_MARGIN_MS = 250;

export interface Member {
  readonly consumer: Consumer;
  readonly drop: ObservedDrop;
  readonly wanted: Generation;
  /** Running, not current, and its own files differ. */
  readonly stale: readonly ObservedContainer[];
  /** Refresh: the drop has nothing to go back to. */
  readonly how: "roll" | "refresh";
  readonly adopt: readonly SeenEntry[];
  readonly paused: readonly ObservedContainer[];
  /**
   * Something becomes other than what was committed: for a container, or only for its files where none runs. Restarted
   * on an emptied drop with the files that it had, nothing does.
   */
  readonly changing: boolean;
  /** Nothing was ever committed for it: there is nothing to keep it on. */
  readonly fresh: boolean;
  /** Against what was committed last; none where that is nothing. */
  readonly changes: Changes;
}

export function committedOn(drop: ObservedDrop): Delivered | null {
  return drop.previous ?? drop.current;
}

export function membersOf(evaluation: Evaluation, fallback: ReadonlyMap<string, Opened>): Member[] {
  return [...evaluation.drops.values()].flatMap((want) =>
    want.requests.flatMap((request) => {
      const consumer = evaluation.consumers.get(request.service);
      if (consumer === undefined || want.generation === null) return [];
      return [memberOf(want, want.generation, request, consumer, fallback.get(want.drop.volume))];
    }),
  );
}

function memberOf(
  want: DropWant,
  wanted: Generation,
  request: Request,
  consumer: Consumer,
  fallback: Opened | undefined,
): Member {
  const { drop } = want;
  const before = committedOn(drop)?.files ?? committedFiles(want.requests, fallback);
  const changes = before === null ? NO_CHANGES : serviceChanges(want, request, consumer, before, wanted.files);
  const behind = consumer.containers.filter((one) => isUp(one) && !isCurrent(one, drop, wanted.id));
  const staying = behind.filter((one) => consumer.onChange.kind === "none" || keeps(want, wanted, request, one));
  const moving = behind.filter((one) => !staying.includes(one));
  const stale = moving.filter((one) => one.state !== "paused");
  const settled = drop.previous === null && wanted.id === drop.current?.id;
  const how = settled || drop.current === null ? "refresh" : "roll";
  return {
    consumer,
    drop,
    wanted,
    stale,
    how,
    adopt: staying.flatMap((one) => seenEntry(one, wanted.id)),
    paused: moving.filter((one) => one.state === "paused"),
    changing: (how === "roll" && stale.length > 0) || namesOf(changes).length > 0,
    fresh: before === null,
    changes,
  };
}

/** What it has seen decides (DESIGN.md rule 5); a label proves nothing. */
export function isCurrent(container: ObservedContainer, drop: ObservedDrop, id: string): boolean {
  return hasSeen(container, drop, id) || (drop.current?.id === id && startedAfter(container, drop.current));
}

function hasSeen({ id, startedAt }: ObservedContainer, drop: ObservedDrop, generation: string): boolean {
  return drop.seen.some(
    (entry) => entry.container === id && entry.startedAt === startedAt && entry.generation === generation,
  );
}

function startedAfter({ startedAt }: ObservedContainer, { deliveredAt }: Delivered): boolean {
  return startedAt !== null && Date.parse(startedAt) >= deliveredAt + START_MARGIN_MS;
}

/** It has loaded a generation in which all that it asks for is the same as in the wanted one. */
function keeps(
  { drop, asksOf, templates }: DropWant,
  wanted: Generation,
  request: Request,
  one: ObservedContainer,
): boolean {
  const loaded = loadedBy(one, drop);
  if (loaded === null) return false;
  const { labels } = request.asking.find(({ container }) => container.id === one.id) ?? request.deciding;
  const asked = { asks: asksOf(labels), labels: [labels], templates };
  return namesOf(changesFor(asked, loaded.files, wanted.files)).length === 0;
}

function loadedBy(container: ObservedContainer, drop: ObservedDrop): Delivered | null {
  const { current, previous } = drop;
  if (current !== null && isCurrent(container, drop, current.id)) return current;
  return previous !== null && hasSeen(container, drop, previous.id) ? previous : null;
}

function seenEntry({ id, startedAt }: ObservedContainer, generation: string): SeenEntry[] {
  return startedAt === null ? [] : [{ container: id, startedAt, generation }];
}

function serviceChanges(
  { templates }: DropWant,
  { asking }: Request,
  { asks }: Consumer,
  before: Files,
  after: Files,
): Changes {
  const labels = asking.map((one) => one.labels).toReversed();
  return changesFor({ asks, labels, templates }, before, after);
}

/** On an emptied drop the bundle committed last tells what had been there; null where it has not all that is asked for. */
function committedFiles(requests: readonly Request[], fallback: Opened | undefined): Files | null {
  if (fallback === undefined) return null;
  if (requests.some((request) => requestFault(request, fallback, "") !== null)) return null;
  return filesOn(requests, fallback);
}
