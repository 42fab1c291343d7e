/** One content in two bundles: sops changes the one, we the other, and each must read what the other has written. */
import { expect } from "vitest";
import {
  decryptPlain,
  describeBundle,
  editPlain,
  encryptPlain,
  rewrap,
  setSecret,
  unsetSecret,
  withRecipients,
  type EncryptOptions,
} from "../../src/bundle/index.ts";
import type { Sops } from "./sops.ts";
import { codeOf, LATER, NOW, openText, textOf, type Keys } from "./support.ts";
import { delivered, dotenvText, isList, leavesOf, yamlText, type Node, type Tree } from "./trees.ts";
import type { Friend, Workbench } from "./workbench.ts";

export const KINDS = ["dotenv", "json", "yaml", "binary"] as const;
export type Kind = (typeof KINDS)[number];

/** A value below `path`; the key that is removed is the topmost one of which nothing would be left. */
export function withValue(tree: Node, [key, ...rest]: readonly (string | number)[], value: string): Node {
  if (key === undefined) return value;
  if (typeof tree !== "object") throw new Error("no such path");
  if (isList(tree)) return tree.with(Number(key), withValue(tree[Number(key)]!, rest, value));
  const map = tree;
  return { ...map, [key]: withValue(map[key] ?? "", rest, value) };
}

export function withoutKey(tree: Tree, [key = "", ...rest]: readonly string[]): Tree {
  const { [key]: removed, ...others } = tree;
  return rest.length === 0 ? others : { ...tree, [key]: withoutKey(removed as Tree, rest) };
}

/** Which values a rule leaves in plaintext: by one mark on their keys, or on one above. */
export const MARK = "_pub";
type Rule = NonNullable<EncryptOptions["rule"]>;

function isSecretBy(rule: Rule | null, path: readonly (string | number)[]): boolean {
  if (rule === null) return true;
  return path.some((key) => String(key).endsWith(MARK)) === rule.field.startsWith("encrypted");
}

export class Mirror {
  /** Values compared so far, each once after each operation. */
  compared = 0;
  readonly #bench: Workbench;
  readonly #kind: Kind;
  readonly #rule: Rule | null;
  #tree: Tree;
  #ours: Uint8Array = Buffer.alloc(0);
  #theirs: Uint8Array = Buffer.alloc(0);
  #friends: readonly Friend[] = [];

  private constructor(bench: Workbench, kind: Kind, tree: Tree, rule: Rule | null) {
    this.#bench = bench;
    this.#kind = kind;
    this.#rule = rule;
    this.#tree = tree;
  }

  static async create(bench: Workbench, kind: Kind, tree: Tree, rule: Rule | null = null): Promise<Mirror> {
    const mirror = new Mirror(bench, kind, tree, rule);
    const plain = mirror.#plain(false);
    const recipients = [bench.keys.recipient];
    const options = { recipients, rule, now: NOW, ...mirror.#options(tree) };
    const flags = rule === null ? [] : [`--${rule.field.replace("_", "-")}`, rule.text];
    mirror.#ours = await encryptPlain(plain, kind, options);
    mirror.#theirs = await bench.sops.encrypt(plain, recipients, ...flags, ...mirror.#typed);
    await mirror.#compare();
    return mirror;
  }

  get tree(): Tree {
    return this.#tree;
  }

  async set(name: string, value: string): Promise<void> {
    const held = leavesOf(this.#tree).find((leaf) => leaf.name === name);
    const path = held?.path ?? [name];
    const next = withValue(this.#tree, path, value) as Tree;
    const ours = setSecret(this.#ours, this.#identities, name, Buffer.from(value), LATER, this.#options(next));
    const isBranch = held === undefined && Object.hasOwn(this.#tree, name);
    if (isBranch || !isSecretBy(this.#rule, path)) {
      // A map or a list stands there: sops would put the value in its place. Or the value would stand in plaintext.
      expect(await codeOf(ours)).toBe("value-unstorable");
      return;
    }
    this.#tree = next;
    this.#ours = await ours;
    await this.#bySops("set", ...this.#typed, "FILE", ...this.#place(path, value));
    await this.#compare();
  }

  async unset(name: string): Promise<void> {
    const { path } = leavesOf(this.#tree).find((leaf) => leaf.name === name)!;
    const ours = unsetSecret(this.#ours, this.#identities, name, LATER, this.#options(this.#tree));
    if (path.some((key) => typeof key === "number")) {
      expect(await codeOf(ours)).toBe("value-unstorable");
      return;
    }
    // sops leaves an empty map behind, which is refused: told to remove that, it does what we do.
    const removed = topmostLone(this.#tree, path.map(String));
    this.#tree = withoutKey(this.#tree, removed);
    this.#ours = await ours;
    if (this.#kind === "binary") await this.#bySops("set", ...this.#typed, "FILE", ...this.#place([], ""));
    else await this.#bySops("unset", ...this.#typed, "FILE", index(removed));
    await this.#compare();
  }

  /** The whole content replaced. */
  async edit(tree: Tree, inBrackets: boolean): Promise<void> {
    this.#tree = tree;
    const plain = this.#plain(inBrackets);
    this.#ours = await editPlain(this.#ours, this.#identities, plain, LATER, this.#options(tree));
    this.#bench.saveNext(plain);
    await this.#bySops("edit", ...this.#typed, "FILE");
    await this.#compare();
  }

  /** A new data key, for these friends from now on. */
  async rotate(friends: readonly boolean[]): Promise<void> {
    const [before, after] = [this.#friends, this.#bench.friends.filter((_, at) => friends[at] === true)];
    this.#friends = after;
    this.#ours = await rewrap(this.#ours, this.#identities, this.#recipients, LATER);
    const added = after.filter((one) => !before.includes(one));
    const removed = before.filter((one) => !after.includes(one));
    const flags = [...listed("--add-age", added), ...listed("--rm-age", removed)];
    await this.#bySops("rotate", "-i", ...flags, ...this.#typed, "FILE");
    await this.#compareFriends();
  }

  /** The same data key, for these friends from now on. */
  async share(friends: readonly boolean[]): Promise<void> {
    this.#friends = this.#bench.friends.filter((_, at) => friends[at] === true);
    this.#ours = await withRecipients(this.#ours, this.#identities, this.#recipients);
    this.#bench.sops.writeConfig(`creation_rules:\n  - age: ${this.#recipients.join(",")}\n`);
    await this.#bySops("updatekeys", "-y", "--input-type", this.#kind, "FILE");
    await this.#compareFriends();
  }

  /** Each goes on with the other's. */
  swap(): void {
    [this.#ours, this.#theirs] = [this.#theirs, this.#ours];
  }

  /** Comments too; only in these two formats they stand where they stood. */
  async comparePlain(): Promise<void> {
    const { stdout } = await this.#bench.sops.on(this.#ours, "decrypt", ...this.#typed, "FILE");
    for (const file of [this.#ours, this.#theirs]) {
      const { bytes, format } = await decryptPlain(file, this.#identities);
      expect(format).toBe(this.#kind);
      if (this.#kind === "dotenv" || this.#kind === "binary") {
        expect(Buffer.from(bytes).toString()).toBe(dotenvText(this.#tree));
        expect(stdout.toString()).toBe(dotenvText(this.#tree));
      }
    }
  }

  get #identities(): Keys["identities"] {
    return this.#bench.keys.identities;
  }

  get #recipients(): string[] {
    return [this.#bench.keys, ...this.#friends.map(({ keys }) => keys)].map(({ recipient }) => recipient);
  }

  get #typed(): string[] {
    return ["--input-type", this.#kind, "--output-type", this.#kind];
  }

  #options(tree: Tree): { allowEmpty: ReadonlySet<string>; dotenv: "raw" } {
    return { allowEmpty: new Set(leavesOf(tree).map(({ name }) => name)), dotenv: "raw" };
  }

  #plain(inBrackets: boolean): Buffer {
    if (this.#kind === "json") return Buffer.from(JSON.stringify(this.#tree, null, inBrackets ? 0 : 2));
    return Buffer.from(this.#kind === "yaml" ? yamlText(this.#tree, inBrackets) : dotenvText(this.#tree));
  }

  /** What `sops set` is told; to it a binary file is one value. */
  #place(path: readonly (string | number)[], value: string): [string, string] {
    if (this.#kind === "binary") return ['["data"]', JSON.stringify(dotenvText(this.#tree))];
    return [index(path), JSON.stringify(value)];
  }

  async #bySops(...args: readonly string[]): Promise<void> {
    this.#theirs = (await this.#bench.sops.on(this.#theirs, ...args)).file;
  }

  async #compare(): Promise<void> {
    const wanted = delivered(this.#tree);
    const names = Object.keys(wanted!);
    for (const file of [this.#ours, this.#theirs])
      expect(await this.#inPlaintext(file)).toEqual(this.#meantInPlaintext);
    const read = await openText(this.#theirs, this.#bench.keys, this.#options(this.#tree));
    expect(textOf(read)).toEqual(wanted);
    expect([...read.secrets.keys()]).toEqual(names);
    expect(await this.#readBySops(this.#bench.sops)).toEqual(
      this.#kind === "binary" ? dotenvText(this.#tree) : this.#tree,
    );
    this.compared += names.length;
  }

  /** sops encrypts no empty value. */
  get #meantInPlaintext(): string[] {
    const leaves = leavesOf(this.#tree).filter(({ path, value }) => value !== "" && !isSecretBy(this.#rule, path));
    return leaves.map(({ name }) => name);
  }

  async #inPlaintext(file: Uint8Array): Promise<string[]> {
    const { warnings } = await openText(file, this.#bench.keys, this.#options(this.#tree));
    return warnings.filter(({ message }) => message.includes("in plaintext")).map(({ subject }) => subject);
  }

  async #readBySops(sops: Sops): Promise<unknown> {
    const output = this.#kind === "binary" ? "binary" : "json";
    const types = ["--input-type", this.#kind, "--output-type", output];
    const { stdout } = await sops.on(this.#ours, "decrypt", ...types, "FILE");
    return output === "json" ? (JSON.parse(stdout.toString()) as unknown) : stdout.toString();
  }

  async #compareFriends(): Promise<void> {
    await this.#compare();
    const recipients = this.#recipients.toSorted();
    for (const file of [this.#ours, this.#theirs]) {
      expect(describeBundle(file).recipients.toSorted()).toEqual(recipients);
    }
    for (const friend of this.#bench.friends) {
      const isIn = this.#friends.includes(friend);
      const opened = openText(this.#theirs, friend.keys, this.#options(this.#tree));
      if (isIn) expect(textOf(await opened)).toEqual(delivered(this.#tree));
      else expect(await codeOf(opened)).toBe("key-no-match");
      const read = await this.#readBySops(friend.sops).catch(() => null);
      expect(read !== null, "sops with a friend's key").toBe(isIn);
    }
  }
}

/** sops takes the last of two such flags. */
function listed(flag: string, friends: readonly Friend[]): string[] {
  return friends.length === 0 ? [] : [flag, friends.map(({ keys }) => keys.recipient).join(",")];
}

function topmostLone(tree: Tree, path: readonly string[]): readonly string[] {
  let [map, kept] = [tree, 1];
  for (const [depth, key] of path.entries()) {
    if (Object.keys(map).length > 1) kept = depth + 1;
    map = map[key] as Tree;
  }
  return path.slice(0, kept);
}

/** `["a"]["b"][0]` */
function index(path: readonly (string | number)[]): string {
  return path.map((key) => `[${JSON.stringify(key)}]`).join("");
}
