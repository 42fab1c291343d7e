/** Lists of patterns as OpenSSH matches them (match.c): `*` and `?`, separated by commas, `!` excludes. */

/** True: one of them matches, and none that excludes does. */
export function matchesList(text: string, patterns: string): boolean {
  let isFound = false;
  for (const pattern of patterns.split(",")) {
    const isNegated = pattern.startsWith("!");
    if (!matchesOne(text, isNegated ? pattern.slice(1) : pattern)) continue;
    if (isNegated) return false;
    isFound = true;
  }
  return isFound;
}

/** Without a regular expression: its time is bounded whatever the pattern. */
function matchesOne(text: string, pattern: string): boolean {
  let [at, mark, retry] = [0, -1, 0];
  let index = 0;
  while (index < text.length) {
    if (pattern[at] === "*") {
      mark = at++;
      retry = index;
    } else if (pattern[at] === "?" || pattern[at] === text[index]) {
      at++;
      index++;
    } else if (mark >= 0) {
      at = mark + 1;
      index = ++retry;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(at));
}
