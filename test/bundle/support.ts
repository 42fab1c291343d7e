/** A small honest bundle, and ways to take it apart: shared by the tests of this folder. */
import { createHash } from "node:crypto";
import { expect } from "vitest";
import { createBundle, generateIdentity, open, parseIdentities, type Identities } from "../../src/bundle/index.ts";
import { SidecryptError, type ErrorCode } from "../../src/errors.ts";
import type { Bundle, Opened } from "../../src/types.ts";

export const NOW = new Date("2026-05-22T20:15:29.500Z");
export const LATER = new Date("2026-06-01T00:00:00Z");
export const PATH = "test.enc.env";
export const STRICT = { allowEmpty: new Set<string>(), dotenv: "compose" } as const;
export const RAW = { allowEmpty: new Set<string>(), dotenv: "raw" } as const;

export interface Keys {
  readonly identity: string;
  readonly recipient: string;
  readonly identities: Identities;
}

export type KeyKind = NonNullable<Parameters<typeof generateIdentity>[0]>;

export async function newKeys(kind: KeyKind = "x25519"): Promise<Keys> {
  const { identity, recipient } = await generateIdentity(kind);
  return { identity, recipient, identities: await parseIdentities(`${identity}\n`, "test.key") };
}

export function asBundle(bytes: Uint8Array | string): Bundle {
  const buffer = Buffer.from(bytes as Uint8Array);
  return { path: PATH, bytes: buffer, digest: createHash("sha256").update(buffer).digest("hex") };
}

export function bundleOf(keys: Keys, values: Readonly<Record<string, string | Uint8Array>>): Promise<Uint8Array> {
  const entries = Object.entries(values).map(([name, value]) => [name, Buffer.from(value as string)] as const);
  return createBundle([keys.recipient], entries, NOW);
}

export function openText(text: Uint8Array | string, keys: Keys, options: Parameters<typeof open>[2] = STRICT) {
  return open(asBundle(text), keys.identities, options);
}

export function textOf(opened: Opened): Record<string, string> {
  return Object.fromEntries([...opened.secrets].map(([name, value]) => [name, Buffer.from(value).toString()]));
}

export async function faultOf(work: Promise<unknown>): Promise<SidecryptError> {
  const thrown: unknown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (thrown instanceof SidecryptError) return thrown;
  expect.fail(thrown === null ? "should have been refused" : "should have been refused by a SidecryptError");
}

export async function codeOf(work: Promise<unknown>): Promise<ErrorCode> {
  return (await faultOf(work)).code;
}

/** The whole line of a name. */
export function lineOf(text: string, name: string): string {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name}=`));
  if (line === undefined) throw new Error(`no line ${name}`);
  return line;
}

/** Everything that a message may say, in one text. */
export function said(error: Error): string {
  const hint = error instanceof SidecryptError ? error.hint : "";
  return [error.message, hint, error.stack, String(error.cause)].join("\n");
}
