/** Every parser of what somebody else wrote. The fixed-seed pass and `npm run fuzz` run them all. */
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { encryptPlain, describeBundle, looksLikeBundle, open, parseIdentities, sniff } from "../../src/bundle/index.ts";
import { meaningOf } from "../../src/bundle/meaning.ts";
import { compilePattern } from "../../src/bundle/regexp.ts";
import { lastModifiedText } from "../../src/bundle/time.ts";
import { readPlain } from "../../src/bundle/stores.ts";
import { parseEnc } from "../../src/bundle/value.ts";
import { parseArguments } from "../../src/cli/arguments.ts";
import { parseConfig, VARIABLES } from "../../src/config.ts";
import { decodeReply } from "../../src/control/protocol.ts";
import { parseEvent } from "../../src/docker/events.ts";
import {
  parseChanges,
  parseImage,
  parseInspect,
  parseLinkTarget,
  parseList,
  parseStat,
} from "../../src/docker/inspect.ts";
import { formatDuration, parseDuration } from "../../src/duration.ts";
import { parseMountinfo } from "../../src/mountinfo.ts";
import { parseConsumer } from "../../src/plan/labels.ts";
import { parsePatterns, selects } from "../../src/plan/select.ts";
import { commandOf } from "../../src/roll/gate.ts";
import { parseUnit } from "../../src/roll/journal.ts";
import { readFileFromTar, tarOf } from "../../src/docker/tar.ts";
import { parseRules, ruleFor } from "../../src/rules/creation.ts";
import { parseIgnoreFile } from "../../src/scan/allowance.ts";
import { createSearcher } from "../../src/search/index.ts";
import { asBundle, NOW } from "../bundle/support.ts";
import { KEY_TARGETS } from "./key-targets.ts";
import { RENDER_TARGETS } from "./render-targets.ts";
import { SIGHT_TARGETS } from "./sight-targets.ts";
import { Broken, text, vector, type Target } from "./target.ts";

const KEYS = vector("not-a-secret.test-keys.txt").toString();
const identities = await parseIdentities(KEYS, "test-keys");
const [recipient = ""] = identities.recipients;
const OPTIONS = { allowEmpty: new Set<string>(), dotenv: "raw" } as const;

const honest = { USER: "alice", PASSWORD: "correct horse", PIN: "x5432" };
const PLAIN = {
  dotenv: "USER=alice\nPASSWORD=correct horse\nPIN=x5432\n# note\n",
  json: `${JSON.stringify(honest)}\n`,
  yaml: "USER: alice\n# note\nPASSWORD: correct horse\nPIN: 'x5432'\n",
} as const;
const sealed = async (format: keyof typeof PLAIN, plain: string): Promise<Buffer> => {
  const options = { recipients: [recipient], rule: null, now: NOW, allowEmpty: new Set<string>() };
  return Buffer.from(await encryptPlain(Buffer.from(plain), format, options));
};
const SEALED = {
  dotenv: await sealed("dotenv", PLAIN.dotenv),
  json: await sealed("json", PLAIN.json),
  yaml: await sealed("yaml", PLAIN.yaml),
};
const OLDER = {
  dotenv: await sealed("dotenv", "USER=mallory\n"),
  json: await sealed("json", '{"USER":"mallory"}'),
  yaml: await sealed("yaml", "USER: mallory\n"),
};
const bundle = SEALED.dotenv;

function same(found: unknown, wanted: unknown, what: string): void {
  if (!isDeepStrictEqual(found, wanted)) throw new Broken(what);
}

/** No key, so no forger: whatever opens holds what the honest file held. */
async function noForgery(input: Buffer): Promise<void> {
  const { secrets } = await open(asBundle(input), identities, OPTIONS);
  const found = Object.fromEntries([...secrets].map(([name, value]) => [name, Buffer.from(value).toString("latin1")]));
  const isOlder = isDeepStrictEqual(found, { USER: "mallory" });
  if (!isOlder) same(found, honest, "a forgery was accepted");
}

const json = (input: Buffer): unknown => {
  try {
    return JSON.parse(text(input));
  } catch {
    return null;
  }
};
const inspect = (name: string): Buffer => readFileSync(new URL(`../fixtures/inspect/${name}`, import.meta.url));

const needle = Buffer.from("hunter2-hunter2-hunter2");
const searcher = createSearcher([{ name: "NEEDLE", value: needle }], { shapes: true });
const tar = tarOf("/etc/one", { content: Buffer.from("hello"), mode: 0o640, uid: 1, gid: 2, attributes: new Map() }, 0);

export const TARGETS: readonly Target[] = [
  ...(["dotenv", "json", "yaml"] as const).map((format): Target => ({
    name: format,
    covers: [
      "bundle/stores.ts#readPlain",
      ...{
        dotenv: ["bundle/dotenv.ts#splitLines"],
        json: ["bundle/json.ts#parseJson"],
        yaml: ["bundle/yaml-tree.ts#parseYaml"],
      }[format],
    ],
    seeds: [PLAIN[format]],
    words: ["&a", "*a", "<<:", "|\n", "- ", "[[[[", "{{{{", "null", "1e400", "0x", "\\u", "? "],
    run: (input) => {
      const { leaves } = readPlain(input, format);
      if (leaves.length > input.length + 1) throw new Broken("more values than bytes");
    },
  })),
  {
    name: "meaning",
    covers: [],
    seeds: ['"a\\"b\\n\\0123"', "'a'", "a # b", "$x"],
    words: ["\\0", "\\x"],
    run: (input) => {
      if (meaningOf(input).bytes.length > input.length) throw new Broken("a value grew");
    },
  },
  ...(["dotenv", "json", "yaml"] as const).map((format): Target => ({
    name: `open-${format}`,
    covers: ["bundle/stores.ts#readBundle", "bundle/metadata.ts#parseMetadata"],
    seeds: [SEALED[format], OLDER[format]],
    words: [
      "sops_",
      "sops:",
      '"sops"',
      "mac",
      "unencrypted_suffix",
      "type:str",
      "type:int",
      "PASSWORD",
      "NEW=1",
      "encrypted_regex",
    ],
    run: noForgery,
  })),
  {
    name: "enc",
    covers: ["bundle/value.ts#parseEnc"],
    seeds: [bundle.toString("latin1", 5, bundle.indexOf("\n")), "ENC[AES256_GCM,data:,iv:,tag:,type:str]"],
    words: ["data:", ",type:comment"],
    run: (input) => parseEnc(input.toString("latin1")),
  },
  {
    name: "sniff",
    covers: ["bundle/sniff.ts#sniff"],
    seeds: [bundle, '{"a": 1, "sops": {}}', "a: 1\nsops:\n  mac: x\n", "[sops]\na = b\n", SEALED.json, SEALED.yaml],
    words: ['"sops"', "sops:", "[sops]", "sops_mac=", "sops_version="],
    run: (input) => {
      sniff(input);
      looksLikeBundle(input);
      describeBundle(input);
    },
  },
  {
    name: "pattern",
    covers: [],
    seeds: ["^(A|B)$", "(?i)pass.*word", "[[:alpha:]]{2,5}", "(a*)*b"],
    words: ["(?", "[", "{1000}", "\\pL", "|", "*", "+", "a{9}{9}{9}{9}"],
    run: (input) => compilePattern(text(input))?.(`${"a".repeat(200)}!`),
  },
  {
    name: "time",
    covers: [],
    seeds: ["2026-05-22T20:15:29Z", "2026-05-22T20:15:29.5+02:00"],
    words: ["24:00", "02-30"],
    run: (input) => lastModifiedText(text(input)),
  },
  ...KEY_TARGETS,
  ...RENDER_TARGETS,
  ...SIGHT_TARGETS,
  {
    name: "labels",
    covers: ["plan/labels.ts#parseConsumer", "plan/select.ts#parsePatterns"],
    seeds: [
      "sidecrypt.secrets=A_* !A_B C?\nsidecrypt.settle=10s\nsidecrypt.on-change=signal:HUP",
      "sidecrypt.secrets=*a*a*a*a*b",
    ],
    words: ["sidecrypt.", "secrets=", "probe=", '["a","b"]', "exec:", "*a*a*a*a*a*a*a*a*a*a"],
    run: (input) => {
      const labels = Object.fromEntries(
        text(input)
          .split("\n")
          .map((line) => line.split("=", 2) as [string, string]),
      );
      const parsed = parseConsumer("one", labels);
      if (parsed !== null && !("fault" in parsed)) selects(parsed.patterns, "a".repeat(255));
      const patterns = parsePatterns(text(input));
      if (typeof patterns !== "string") selects(patterns, "a".repeat(255));
      commandOf(text(input));
    },
  },
  {
    name: "durations",
    covers: ["duration.ts#parseDuration"],
    seeds: ["1m30s", "500ms", "24h"],
    words: ["h", "m", "s", "ms", "us"],
    run: (input) => {
      const found = parseDuration(text(input));
      if (found !== null && Number.isSafeInteger(found))
        same(parseDuration(formatDuration(found)), found, "two meanings");
    },
  },
  {
    name: "config",
    covers: ["config.ts#parseConfig"],
    seeds: ["SIDECRYPT_BUDGET=10/10m\nSIDECRYPT_POLL=1s\nDOCKER_HOST=unix:///x", "SIDECRYPT_ALLOW_EMPTY=A, B"],
    words: VARIABLES.map((name) => `${name}=`),
    run: (input) =>
      parseConfig(
        Object.fromEntries(
          text(input)
            .split("\n")
            .map((line) => line.split("=", 2) as [string, string]),
        ),
      ),
  },
  {
    name: "arguments",
    covers: [],
    seeds: ["NAME --bundle x --keep-newline", "-o file"],
    words: ["--", "-", "--bundle=", "--no-bundle"],
    run: (input) => {
      const flags = { bundle: { type: "string", short: "b" }, "keep-newline": { type: "boolean" } } as const;
      parseArguments(text(input).split(" "), { command: "set", flags, operands: 1, discreet: true });
    },
  },
  {
    name: "rules",
    covers: ["rules/creation.ts#parseRules", "rules/fields.ts#readRules"],
    seeds: [
      `creation_rules:\n  - path_regex: \\.env$\n    age: ${recipient}\n  - key_groups:\n      - age: [${recipient}]\n`,
      "stores:\n  yaml:\n    indent: 2\ncreation_rules: []\n",
    ],
    words: ["path_regex:", "age:", "&a", "*a", "<<: *a", "!!binary", "- ", "key_groups:", "encrypted_regex:"],
    run: (input) => ruleFor(parseRules(text(input), "/repo/.sops.yaml"), "/repo/secrets/prod.enc.env"),
  },
  {
    name: "search",
    covers: [],
    seeds: [
      needle,
      needle.toString("base64"),
      `{"a":"${needle.toString("hex")}"}`,
      encodeURIComponent(needle.toString()),
    ],
    words: ["H4sIAAAA", "%68", "\\u0068", "=\n"],
    run: (input) => {
      const planted = Buffer.concat([input, Buffer.from("\n"), needle, Buffer.from("\n")]);
      if (!searcher.search(planted).some((hit) => hit.name === "NEEDLE")) throw new Broken("a value was not found");
      searcher.searchJson(json(input));
      const stream = searcher.stream();
      const hits = [...stream.push(planted.subarray(0, 7)), ...stream.push(planted.subarray(7)), ...stream.end()];
      if (!hits.some((hit) => hit.name === "NEEDLE")) throw new Broken("a value was not found in a stream");
    },
  },
  {
    name: "ignore",
    covers: ["scan/allowance.ts#parseIgnoreFile"],
    seeds: ["# made up\ntest/**\n*.key\n\n# more\n/a/[b-c]?\n"],
    words: ["**/", "!", "[", "# x\n", "*a*a*a*a*a*a*a*a"],
    run: (input) => parseIgnoreFile(text(input), "ignore")(`test/${"a".repeat(100)}/x.ts`),
  },
  {
    name: "mountinfo",
    covers: ["mountinfo.ts#parseMountinfo"],
    seeds: ["36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"],
    words: ["\\040", " - ", "tmpfs"],
    run: (input) => parseMountinfo(text(input)),
  },
  {
    name: "tar",
    covers: ["docker/tar.ts#readFileFromTar"],
    seeds: [tar],
    words: ["ustar", "x", "0000644\0", "30 mtime=1\n", "99999999999 path="],
    run: (input) => readFileFromTar(input),
  },
  {
    name: "journal",
    covers: ["roll/journal.ts#parseUnit"],
    seeds: ["0123456789abcdef/3"],
    words: [],
    run: (input) => parseUnit(text(input)),
  },
  {
    name: "control",
    covers: ["control/protocol.ts#decodeReply"],
    seeds: ['{"ok":true,"reasons":[]}', '{"error":{"code":"usage","message":"x"}}', '{"text":"","json":1}'],
    words: ['"constructor"', '"code":'],
    run: (input) => {
      for (const verb of ["health", "status", "plan", "retry"] as const) {
        // What the daemon answers, an error of the daemon included.
        if (!text(input).includes('"error"')) decodeReply(verb, text(input));
      }
    },
  },
  {
    name: "engine",
    covers: [
      "docker/events.ts#parseEvent",
      ...["parseStat", "parseLinkTarget", "parseInspect", "parseList", "parseImage", "parseChanges"].map(
        (name) => `docker/inspect.ts#${name}`,
      ),
    ],
    seeds: [
      '{"Type":"container","Action":"start","Actor":{"ID":"a","Attributes":{"b":"c"}}}',
      Buffer.from('{"name":"a","size":1,"mode":420,"mtime":"2026-01-01T00:00:00Z","linkTarget":""}').toString("base64"),
      inspect("plain.json"),
    ],
    words: ['"State":', "null", "[]", "-1"],
    run: (input) => {
      parseEvent(text(input));
      for (const parse of [parseInspect, parseList, parseImage, parseChanges]) refused(() => parse(json(input)));
      refused(() => parseLinkTarget(text(input)));
      parseStat(text(input));
    },
  },
];

/** An answer that is not understood is one of ours; anything else goes up. */
function refused(work: () => unknown): void {
  try {
    work();
  } catch (thrown) {
    if ((thrown as { code?: string }).code !== "docker-refused") throw thrown;
  }
}
