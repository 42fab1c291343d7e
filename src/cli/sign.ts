import { resolve } from "node:path";
import { comparePins, described, loadPolicy, type Policy } from "../admission.ts";
import { type Config, parseConfig } from "../config.ts";
import { readBundle } from "../source/index.ts";
import { requireSigner, SIGNATURE_SUFFIX } from "../trust/index.ts";
import { parseArguments, usage, type Shape } from "./arguments.ts";
import type { Io } from "./io.ts";
import { pathsOf } from "./opening.ts";
import { writeBeside } from "./replace.ts";
import { createSignature } from "./signature.ts";
import type { Ui } from "./ui.ts";

const SHAPE: Shape = { command: "sign", flags: { key: { type: "string" } }, operands: 1 };

export async function sign(argv: readonly string[], io: Io, ui: Ui): Promise<number> {
  const parsed = parseArguments(argv, SHAPE);
  const [file] = parsed.operands;
  const key = parsed.value("key");
  if (key === null) throw usage("sign: name the SSH key", "sign", "sidecrypt sign BUNDLE --key ~/.ssh/id_ed25519");
  const config = parseConfig(io.env);
  const policy = await loadPolicy(config);
  const paths = file === undefined ? await pathsOf(config) : [resolve(file)];
  for (const path of paths) {
    const bytes = await readSignable(path, config);
    const signature = await createSignature(key, bytes);
    const by = signerOf({ path, bytes, signature }, policy, io.clock.now());
    await writeBeside(path, SIGNATURE_SUFFIX, signature);
    ui.say(`${path}${SIGNATURE_SUFFIX} written${by}; commit it together with the bundle`);
  }
  return 0;
}

/** A signature vouches for the file: never for plaintext, nor for recipients that the policy does not know. */
async function readSignable(path: string, { pins }: Config): Promise<Uint8Array> {
  const bundle = { ...(await readBundle(path)), name: path };
  described(bundle);
  comparePins(bundle, pins);
  return bundle.bytes;
}

/** Where the allowed signers are known, no signature is written that the daemon would refuse. */
function signerOf(signed: Parameters<typeof requireSigner>[0], { signers }: Policy, now: number): string {
  return signers === null ? "" : `, by ${requireSigner(signed, signers, now).principals}`;
}
