/** A good stack as `docker compose config --format json` prints it, and ways to spoil it. */
import { parseModel, type ComposeModel } from "../../src/compose-model/index.ts";

export interface RawService {
  environment: Record<string, unknown>;
  labels: Record<string, unknown>;
  volumes: Record<string, unknown>[];
  [field: string]: unknown;
}

export interface Raw {
  services: { secrets: RawService; bot1: RawService };
  volumes: {
    "bot1-secrets": { name: string; driver_opts: { type: string; device: string; o: string } };
    [name: string]: unknown;
  };
  [section: string]: unknown;
}

const OPTIONS = "size=1m,mode=2750,gid=1000,noexec,nosuid,nodev";

export function goodModel(): Raw {
  return {
    name: "stack",
    services: {
      secrets: {
        image: "sidecrypt",
        environment: {},
        labels: {},
        command: null,
        cap_drop: ["ALL"],
        restart: "unless-stopped",
        stop_grace_period: "1m0s",
        volumes: [
          { type: "bind", source: "/srv/secrets", target: "/bundle", read_only: true },
          { type: "bind", source: "/srv/age.key", target: "/run/age.key", read_only: true },
          { type: "bind", source: "/var/run/docker.sock", target: "/var/run/docker.sock" },
          { type: "volume", source: "state", target: "/state", volume: {} },
          { type: "volume", source: "bot1-secrets", target: "/drops/bot1", volume: {} },
        ],
      },
      bot1: {
        image: "bot",
        user: "1000:1000",
        environment: { LOG_LEVEL: "info", TZ: null },
        labels: { "sidecrypt.secrets": "BOT1_*", "sidecrypt.strip-prefix": "BOT1_" },
        depends_on: { secrets: { condition: "service_healthy", required: true } },
        healthcheck: { test: ["CMD", "grep", "-q", "logged-in", "/tmp/state"] },
        volumes: [
          {
            type: "volume",
            source: "bot1-secrets",
            target: "/run/secrets",
            read_only: true,
            volume: { nocopy: true },
          },
        ],
      },
    },
    networks: { default: { name: "stack_default", ipam: {} } },
    volumes: {
      state: { name: "stack_state" },
      "bot1-secrets": { name: "stack_bot1-secrets", driver_opts: { type: "tmpfs", device: "tmpfs", o: OPTIONS } },
    },
  };
}

/** The good one, changed in one place. */
export function model(change: (raw: Raw) => void = () => undefined): ComposeModel {
  const raw = goodModel();
  change(raw);
  return parseModel(JSON.stringify(raw));
}
