/** Recorded inspect answers (test/fixtures/inspect), and ways to alter them. */
import { readFileSync } from "node:fs";
import { parseInspect } from "../../src/docker/inspect.ts";
import type { Image, Inspected, Json, Platform } from "../../src/docker/port.ts";
import { candidateSpec } from "../../src/roll/spec.ts";
import { PLATFORM } from "./fake-engine.ts";

/** Engine 20.10 (API 1.41), Compose 2.26; machine specifics scrubbed. */
export type Recorded = "db" | "child" | "plain" | "bridge" | "gpu" | "selinux";

export function raw(name: Recorded): Record<string, unknown> {
  const text = readFileSync(new URL(`../fixtures/inspect/${name}.json`, import.meta.url), "utf8");
  return JSON.parse(text) as Record<string, unknown>;
}

export const recorded = (name: Recorded): Inspected => parseInspect(raw(name));

export function withConfig(one: Inspected, changes: Json): Inspected {
  return { ...one, config: { ...one.config, ...changes } };
}

export function withHost(one: Inspected, changes: Json): Inspected {
  return { ...one, hostConfig: { ...one.hostConfig, ...changes } };
}

/** Changes one endpoint. */
export function withEndpoint(one: Inspected, network: string, changes: Json): Inspected {
  return { ...one, networks: { ...one.networks, [network]: { ...one.networks[network], ...changes } } };
}

export const imageOf = (one: Inspected, entrypoint: readonly string[] | null = null): Image => ({
  id: one.image,
  entrypoint,
  platform: PLATFORM,
});

export const NOBODY: ReadonlyMap<string, string> = new Map();
export const JOURNAL = { "sidecrypt.replaces": "old", "sidecrypt.generation": "g", "sidecrypt.unit": "u" };

export interface Sent {
  readonly body: Record<string, unknown>;
  readonly host: Record<string, unknown>;
  readonly endpoints: Readonly<Record<string, Record<string, unknown>>> | undefined;
  readonly connect: readonly { readonly network: string; readonly endpoint: Json }[];
  readonly platform: Platform | undefined;
}

/** The create call for a copy, taken apart. */
export function copyOf(old: Inspected, more: Partial<Parameters<typeof candidateSpec>[0]> = {}): Sent {
  const image = imageOf(old);
  const usual = { apiVersion: "1.41", platform: PLATFORM, labels: JOURNAL, replaced: NOBODY, sources: [] };
  const spec = candidateSpec({ old, tagged: image, image, ...usual, ...more });
  const body = { ...spec.body };
  const networking = body["NetworkingConfig"] as { EndpointsConfig: Sent["endpoints"] } | undefined;
  return {
    body,
    host: body["HostConfig"] as Record<string, unknown>,
    endpoints: networking?.EndpointsConfig,
    connect: spec.connect,
    platform: spec.platform,
  };
}
