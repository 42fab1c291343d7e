/** Lists of bytes, as xxd prints them where it is installed. */
import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { createSearcher } from "../../src/search/index.ts";
import { eachByteList } from "../../src/search/lists.ts";

const TOKEN = "k7Qw9zXp2LmN4vRtB8sD1fGh";
const searcher = createSearcher([{ name: "TOKEN", value: Buffer.from(TOKEN) }]);
/** Twelve in a row, as `xxd -i` has them. */
const array = (text: string): string =>
  [...Buffer.from(text)]
    .map((byte, at) => `${at % 12 === 0 ? "\n  " : " "}0x${byte.toString(16).padStart(2, "0")}`)
    .join(",");

it("a value is found wherever in a row it begins, and is placed in the line that it begins in", () => {
  for (const before of [0, 1, 5, 11, 12, 13, 30]) {
    const text = `unsigned char key[] = {${array("-".repeat(before) + TOKEN + "--")}\n};\n`;
    const [hit, ...more] = searcher.search(text);
    expect([hit?.name, hit?.form, more]).toEqual(["TOKEN", "list of bytes", []]);
    expect(text.slice(0, hit?.offset).split("\n").length - 2, text).toBe(Math.floor(before / 12));
  }
});

it("what is printed by xxd -i is", () => {
  const printed = execFileSync("bash", ["-c", "command -v xxd > /dev/null && xxd -i || cat"], { input: TOKEN });
  expect(searcher.search(printed).map(({ name }) => name)).toEqual(["TOKEN"]);
});

it("addresses, short lists and numbers of more digits are none", () => {
  const lists: string[] = [];
  const text = "0x 0x7ffd1234, 0x1 0x2 0x3 0x4 0x5 end 0x11, 0x22, 0x33, 0x44, 0x55, 0x666, 0x0g";
  eachByteList(Buffer.from(text), ({ bytes }) => lists.push(bytes.toString("hex")));
  expect(lists).toEqual([]);
});

it("a list at the end of what is searched is read to its last digit", () => {
  const lists: string[] = [];
  eachByteList(Buffer.from("0x1,0x2,0x3,0x4,0x5,0xa"), ({ bytes }) => lists.push(bytes.toString("hex")));
  expect(lists).toEqual(["01020304050a"]);
});
