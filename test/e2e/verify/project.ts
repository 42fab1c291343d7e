/** A project that Compose has not made: containers with its label, each with whatever a test is about; and a verify of it. */
import { randomBytes } from "node:crypto";
import { systemClock } from "../../../src/clock.ts";
import { connectEngine } from "../../../src/docker/engine.ts";
import { type Evidence, openEvidence } from "../../../src/docker/evidence.ts";
import type { DockerPort } from "../../../src/docker/port.ts";
import { runVerify, type VerifyReport } from "../../../src/verify/index.ts";
import { type Engine, mainEngine } from "../harness/engine.ts";

export const LABEL = "com.docker.compose.project";
const PATIENCE = { clock: systemClock, callTimeout: 60_000 };

type Body = Readonly<Record<string, unknown>>;

export async function openProject(): Promise<Project> {
  const engine = await mainEngine();
  const docker = await connectEngine(engine.socket, PATIENCE);
  return new Project(engine, docker, openEvidence(engine.socket, docker.apiVersion, PATIENCE));
}

export class Project {
  readonly name = `sc-leaks-${randomBytes(4).toString("hex")}`;
  readonly engine: Engine;
  readonly evidence: Evidence;
  readonly #docker: DockerPort;
  readonly #containers: string[] = [];

  constructor(engine: Engine, docker: DockerPort, evidence: Evidence) {
    this.engine = engine;
    this.evidence = evidence;
    this.#docker = docker;
  }

  async create(service: string, body: Body): Promise<string> {
    const own = { [LABEL]: this.name, "com.docker.compose.service": service };
    const Labels = { ...own, ...(body["Labels"] as object | undefined) };
    const id = await this.#docker.create(`${this.name}-${service}`, { body: { ...body, Labels }, connect: [] });
    this.#containers.push(id);
    return id;
  }

  async run(service: string, body: Body): Promise<string> {
    const id = await this.create(service, body);
    await this.#docker.start(id);
    return id;
  }

  verify(needles: readonly { readonly name: string; readonly value: Uint8Array }[]): Promise<VerifyReport> {
    return runVerify(
      { docker: this.#docker, evidence: this.evidence, clock: systemClock },
      {
        ...{ version: "0.0.0", project: this.name, needles, beside: null, image: "sidecrypt" },
        ...{ keyFiles: ["/run/age.key"], strict: false, watch: 0 },
      },
    );
  }

  async close(): Promise<void> {
    for (const id of this.#containers) await this.engine.tryDocker("rm", "--force", "--volumes", id);
  }
}
