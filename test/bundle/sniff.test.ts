import { expect, test } from "vitest";
import { sniff } from "../../src/bundle/index.ts";

const ENC = "ENC[AES256_GCM,data:YQ==,iv:YQ==,tag:YQ==,type:str]";

test.each<[format: string, text: string, why?: string]>([
  ["dotenv", `A=${ENC}\nsops_mac=${ENC}\nsops_version=3.13.1\n`],
  ["dotenv", `A=${ENC}\n`, "every metadata line stripped"],
  ["dotenv", "A=b\nsops_version=3.13.1\n", "every encrypted line stripped"],
  ["dotenv", "#x\nsops_mac=\n", "an emptied MAC"],
  ["dotenv", `\ufeffA=${ENC}\r\nsops_mac=${ENC}\r\n`, "BOM and CRLF"],
  ["json", `{"A": "${ENC}", "sops": {}}`],
  ["json", `\n {"A": "${ENC}"}`, "sops stripped"],
  ["json", `{"sops": {"mac": "x"}}`],
  ["yaml", `A: ${ENC}\nsops:\n  mac: x\n`],
  ["yaml", `A: ${ENC}\n`, "sops stripped"],
  ["yaml", "a: b\nsops:\n"],
  ["plain-dotenv", "# c\nA=b\n\nexport B=c\n"],
  ["plain-dotenv", "A=b\r\nB.x = c\r\n"],
  ["other", ""],
  ["other", "\n# only a comment\n"],
  ["other", "{}"],
  ["other", "a: b\n"],
  ["other", "some text = here, and there\n"],
  ["ini", "A = 1\n[sops]\nmac = x\n"],
  ["other", "\u0000\u0001\u0002"],
])("%s: %j %s", (format, text) => {
  expect(sniff(Buffer.from(text))).toBe(format);
});
