/** /proc/self/mountinfo, parsed: proc(5), one mount a line. Pure. */

export interface Mount {
  readonly point: string;
  /** Of the filesystem's own tree: a bind mount of a file has the file's path here. */
  readonly root: string;
  readonly type: string;
  /** Per-mount and per-superblock options together: `noswap` and `size=` are of the second kind. */
  readonly options: readonly string[];
}

/** Fields: id parent major:minor root point options [optional…] - type source super-options. */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split("\n")) {
    const [before, after] = line.split(" - ");
    if (before === undefined || after === undefined) continue;
    const [, , , root, point, options] = before.split(" ");
    const [type, , superOptions] = after.split(" ");
    if (root === undefined || point === undefined || options === undefined || type === undefined) continue;
    mounts.push({
      point: unescape(point),
      root: unescape(root),
      type,
      options: [...options.split(","), ...(superOptions ?? "").split(",")].filter((option) => option !== ""),
    });
  }
  return mounts;
}

/** The mount at exactly this point; of several on top of each other the last, which is the one that is seen. */
export function mountAt(mounts: readonly Mount[], point: string): Mount | null {
  return mounts.findLast((mount) => mount.point === point) ?? null;
}

/** The kernel writes blank, tab, line feed and backslash as three octal digits. */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
