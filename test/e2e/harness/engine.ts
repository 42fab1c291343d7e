/** A Docker engine as its own command line shows it. */
import { must, run, type Ran } from "./run.ts";

export interface Network {
  readonly Aliases: readonly string[] | null;
  readonly [key: string]: unknown;
}

/** What the tests read of `docker inspect`; the rest is there too, for comparing. */
export interface Container {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly RestartCount: number;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly ExitCode: number;
    readonly StartedAt: string;
    readonly FinishedAt: string;
    readonly Health?: { readonly Status: string };
  };
  readonly Config: {
    readonly Hostname: string;
    readonly Env: readonly string[] | null;
    readonly Labels: Readonly<Record<string, string>>;
    readonly [key: string]: unknown;
  };
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
    readonly RW: boolean;
  }[];
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, Network>> };
}

export class Engine {
  /** unix:///path/of/docker.sock */
  readonly host: string;

  constructor(host: string) {
    this.host = host;
  }

  /** On the engine's own machine, where stacks mount it from. */
  get socket(): string {
    return this.host.replace(/^unix:\/\//, "");
  }

  get env(): Record<string, string> {
    return { DOCKER_HOST: this.host };
  }

  docker(...args: readonly string[]): Promise<string> {
    return must("docker", args, { env: this.env });
  }

  tryDocker(...args: readonly string[]): Promise<Ran> {
    return run("docker", args, { env: this.env });
  }

  version(): Promise<string> {
    return this.docker("version", "--format", "{{.Server.Version}}");
  }

  async list(project: string): Promise<string[]> {
    const filter = `label=com.docker.compose.project=${project}`;
    return words(await this.docker("ps", "--all", "--quiet", "--no-trunc", "--filter", filter));
  }

  /** Containers that go away between the list and the inspection are left out. */
  async inspect(ids: readonly string[]): Promise<Container[]> {
    if (ids.length === 0) return [];
    const { stdout } = await this.tryDocker("inspect", "--type", "container", ...ids);
    return JSON.parse(stdout) as Container[];
  }

  /** What a container said, both streams. */
  async logs(id: string): Promise<string> {
    const { stdout, stderr } = await this.tryDocker("logs", id);
    return stdout + stderr;
  }
}

export const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");

let found: Promise<Engine> | null = null;

/** The one that the docker client talks to: what DOCKER_HOST, DOCKER_CONTEXT or the chosen context say. */
export function mainEngine(): Promise<Engine> {
  found ??= must("docker", ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).then(
    (host) => new Engine(host.trim()),
  );
  return found;
}
