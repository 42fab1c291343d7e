/**
 * Docker is the journal: names and labels of a candidate are enough to recover a roll (recreate.md §5). Names come
 * from the canonical name only, never from a name that already carries a suffix of ours or of Compose's (H5).
 */

export const LABEL_REPLACES = "sidecrypt.replaces";
export const LABEL_GENERATION = "sidecrypt.generation";
export const LABEL_UNIT = "sidecrypt.unit";
export const JOURNAL_LABELS = [LABEL_REPLACES, LABEL_GENERATION, LABEL_UNIT] as const;

/** Docker's short id. */
export const shortId = (id: string): string => id.slice(0, 12);

/** The name that the service's container has when nothing is under way. */
export function canonicalName(name: string): string {
  return name.replace(/^[0-9a-f]{12}_/, "").replace(/\.(bak|failed)\.[0-9a-f]{12}$/, "");
}

/** Compose's own scheme for a container that is to take another's place. */
export const candidateName = (final: string, oldId: string): string => `${shortId(oldId)}_${final}`;
export const backupName = (final: string, oldId: string): string => `${final}.bak.${shortId(oldId)}`;
export const failedName = (final: string, newId: string): string => `${final}.failed.${shortId(newId)}`;

/** One roll of one unit: an id, and how many containers it replaces, so that recovery knows whether all were swapped. */
export interface UnitMark {
  readonly operation: string;
  readonly members: number;
}

export const formatUnit = (mark: UnitMark): string => `${mark.operation}/${mark.members}`;

/** Null: not a mark of ours. */
export function parseUnit(label: string | undefined): UnitMark | null {
  const match = /^([0-9a-f]{16})\/(\d{1,4})$/.exec(label ?? "");
  return match === null ? null : { operation: match[1] ?? "", members: Number(match[2]) };
}
