/**
 * One sidecar's connection to the fake engine: each of its calls is numbered, and a script may refuse call n, lose its
 * answer, or kill the sidecar there.
 */
import type {
  Archived,
  ChangedPath,
  ContainerEvent,
  CreateBody,
  DockerPort,
  Image,
  Inspected,
  Json,
  ListedContainer,
  PathStat,
} from "../../src/docker/port.ts";
import { SidecryptError } from "../../src/errors.ts";
import { tarOf } from "../../src/docker/tar.ts";
import { type FakeEngine, IMAGE, IMAGE_NAME, PLATFORM, refusal } from "./fake-engine.ts";

export interface Call {
  readonly n: number;
  readonly name: string;
  /** The container's or volume's name at the time of the call. */
  readonly about: string;
  readonly mutates: boolean;
}

export type Trouble = "refuse-409" | "refuse-500" | "unreachable" | "answer-lost" | "kill-before" | "kill-after";
export type Script = (call: Call) => Trouble | null;

/** The sidecar's process is gone: whatever it still calls throws this and does nothing. */
export class Killed extends Error {
  constructor() {
    super("killed");
  }
}

export class FakeSession implements DockerPort {
  readonly calls: Call[] = [];
  readonly platform = PLATFORM;
  readonly engine: FakeEngine;
  readonly #script: Script;
  #dead = false;

  constructor(engine: FakeEngine, script: Script) {
    this.engine = engine;
    this.#script = script;
  }

  get apiVersion(): string {
    return this.engine.apiVersion;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** One call, of the engine's or (fake-drops.ts) of a drop's. */
  async step<T>(name: string, about: string, mutates: boolean, effect: () => T): Promise<T> {
    await Promise.resolve();
    if (this.#dead) throw new Killed();
    const call = { n: this.calls.length + 1, name, about, mutates };
    this.calls.push(call);
    const trouble = this.#script(call);
    if (trouble === "refuse-409") throw refusal(409, `scripted, at call ${call.n}`);
    if (trouble === "refuse-500") throw refusal(500, `scripted, at call ${call.n}`);
    if (trouble === "unreachable") throw new SidecryptError("docker-unreachable", `scripted, at call ${call.n}`);
    if (trouble === "kill-before") this.#dead = true;
    if (this.#dead) throw new Killed();
    const result = effect();
    if (trouble === "answer-lost") throw new SidecryptError("docker-unreachable", `lost, at call ${call.n}`);
    if (trouble === "kill-after") {
      this.#dead = true;
      throw new Killed();
    }
    return result;
  }

  stays(): Promise<boolean> {
    return Promise.resolve(true);
  }

  list(): Promise<readonly ListedContainer[]> {
    return this.step("list", "", false, () =>
      [...this.engine.containers.values()].map(({ id, state, body }) => {
        return { id, state, labels: body["Labels"] as Record<string, string>, mounts: [] };
      }),
    );
  }

  inspect(id: string): Promise<Inspected | null> {
    return this.#on("inspect", id, false, () => this.engine.inspect(id));
  }

  image(reference: string): Promise<Image | null> {
    return this.step("image", reference, false, () => {
      return reference === IMAGE_NAME || reference === IMAGE.id ? IMAGE : null;
    });
  }

  volumeOptions(): Promise<null> {
    return Promise.resolve(null);
  }

  create(name: string, spec: CreateBody): Promise<string> {
    return this.step("create", name, true, () => this.engine.create(name, spec));
  }

  start(id: string): Promise<void> {
    return this.#on("start", id, true, () => {
      this.engine.start(id);
    });
  }

  stop(id: string): Promise<void> {
    return this.#on("stop", id, true, () => {
      this.engine.stop(id);
    });
  }

  restart(id: string): Promise<void> {
    return this.#on("restart", id, true, () => {
      this.engine.restart(id);
    });
  }

  kill(id: string, signal: string): Promise<void> {
    return this.#on("kill", id, true, () => {
      this.engine.kill(id, signal);
    });
  }

  rename(id: string, name: string): Promise<void> {
    return this.#on("rename", id, true, () => {
      this.engine.rename(id, name);
    });
  }

  setRestartPolicy(id: string, policy: Json): Promise<void> {
    return this.#on("update", id, true, () => {
      this.engine.update(id, policy);
    });
  }

  remove(id: string): Promise<void> {
    return this.#on("remove", id, true, () => {
      this.engine.remove(id);
    });
  }

  exec(id: string, command: readonly string[]): Promise<number> {
    return this.#on("exec", id, true, () => {
      const one = this.engine.must(id);
      if (one.state !== "running") throw refusal(409, "is not running");
      return this.engine.execute(one, command.join(" "));
    });
  }

  changes(id: string): Promise<readonly ChangedPath[]> {
    return this.#on("changes", id, false, () => {
      const paths = [...(this.engine.find(id)?.layer.keys() ?? [])];
      return paths.map((path) => ({ path, kind: "added" as const }));
    });
  }

  statPath(id: string, path: string): Promise<PathStat | null> {
    return this.#on("stat", id, false, () => this.engine.find(id)?.layer.get(path)?.stat ?? null);
  }

  linkTarget(id: string, path: string): Promise<string | null> {
    return this.#on("stat", id, false, () => this.engine.link(this.engine.must(id), path));
  }

  readArchive(id: string, path: string): Promise<Archived | null> {
    return this.#on("read", id, false, () => {
      const found = this.engine.find(id)?.layer.get(path);
      return found === undefined ? null : { stat: found.stat, tar: tarOf(path, found.file, 0) };
    });
  }

  writeArchive(id: string, tar: Uint8Array): Promise<void> {
    return this.#on("write", id, true, () => {
      this.engine.write(id, tar);
    });
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- it has none to tell: `onEvent` does
  async *events(): AsyncIterable<ContainerEvent> {
    yield* [];
  }

  #on<T>(name: string, id: string, mutates: boolean, effect: () => T): Promise<T> {
    return this.step(name, this.engine.find(id)?.name ?? id.slice(0, 12), mutates, effect);
  }
}
