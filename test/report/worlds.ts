/** Small worlds for a status: two consumers on two drops, and what can be wrong with them. */
import type { StatusInput } from "../../src/report/status.ts";
import type { Consumer, ObservedContainer, ObservedDrop, Plan } from "../../src/types.ts";

export const NOW = Date.UTC(2026, 10, 22, 12, 0, 0);
const HOUR = 3_600_000;
export const OLD = "a1b2c3d4e5f6".padEnd(64, "0");
export const NEW = "0f9e8d7c6b5a".padEnd(64, "1");

export function container(service: string, changed: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: service.padEnd(64, "0"),
    name: `stack-${service}-1`,
    service,
    number: 1,
    oneOff: false,
    state: "running",
    startedAt: "2026-11-22T09:00:00Z",
    exitCode: 0,
    labels: { "sidecrypt.secrets": "A_*" },
    environmentNames: [],
    mounts: [{ volume: `${service}-secrets`, destination: "/run/secrets", writable: false }],
    hasHealthcheck: true,
    restartPolicy: "unless-stopped",
    replaces: null,
    isBackup: false,
    namespacesOf: [],
    volumesOf: [],
    soleReason: null,
    isUnhealthy: false,
    ...changed,
  };
}

export function consumer(service: string, changed: Partial<Consumer> = {}): Consumer {
  return {
    service,
    volume: `${service}-secrets`,
    containers: [container(service)],
    after: [],
    onChange: { kind: "recreate" },
    probe: null,
    healthTimeout: null,
    settle: 10_000,
    order: "stop-first",
    onFailure: "rollback",
    unproven: false,
    asks: new Map(),
    templates: [],
    ...changed,
  };
}

export function drop(service: string, id: string | null = OLD): ObservedDrop {
  const current = id === null ? null : { id, deliveredAt: NOW - 3 * HOUR - 12 * 60_000, files: new Map() };
  return {
    volume: `${service}-secrets`,
    path: `/drops/${service}`,
    current,
    previous: null,
    seen: [],
    fault: null,
  };
}

export function plan(changed: Partial<Plan> = {}): Plan {
  const consumers = [consumer("bot1"), consumer("redis")];
  return { deliveries: [], refreshes: [], units: [], held: [], refusals: [], warnings: [], consumers, ...changed };
}

/** Nothing is wrong. */
export function quiet(changed: Partial<StatusInput> = {}): StatusInput {
  return {
    version: "0.1.0",
    now: NOW,
    startedAt: NOW - 76 * HOUR,
    bundle: { path: "/bundle/prod.enc.env", digest: "3f2a9c81d0e4".padEnd(64, "7"), signers: [], fault: null },
    observed: {
      self: { project: "stack", service: "secrets" },
      containers: [container("bot1"), container("redis")],
      drops: [drop("bot1"), drop("redis")],
    },
    plan: plan(),
    rolling: new Set(),
    stuck: new Map(),
    undone: new Map(),
    postponed: new Map(),
    failures: [],
    quarantine: [],
    faults: [],
    warnings: [],
    ...changed,
  };
}

export function generation(service: string, id = NEW) {
  return { volume: `${service}-secrets`, id, files: new Map<string, Uint8Array>(), bundleDigest: null };
}
