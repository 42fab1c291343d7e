/** Of a value of several lines (a PEM key, a service account's JSON), what each line has of its own. */

const SHORTEST = 20;
const DISTINCT = 10;

/** The longest token of each line, where it is no word: `"type": "service_account"` stands in every such file. */
export function tellingLines(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.filter((line) => line.trim() !== "").length < 2) return [];
  return lines.flatMap((line) => {
    const tokens = line.match(/[\w+/=-]+/g) ?? [];
    const longest = tokens.reduce((best, token) => (token.length > best.length ? token : best), "");
    return isRandom(longest) ? [longest] : [];
  });
}

function isRandom(token: string): boolean {
  return token.length >= SHORTEST && /\d/.test(token) && /[A-Za-z]/.test(token) && new Set(token).size >= DISTINCT;
}
