/**
 * A second engine, for the tests that restart one and for those on other versions: nobody's own is touched. It lives in
 * its own network, mount and process namespaces, so that it cannot take away the first one's bridge (tmpfs-and-leaks.md, Appendix), and so that
 * ending their first process ends every process and mount of it, whatever happened before.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Engine, mainEngine } from "./engine.ts";
import { must, run } from "./run.ts";
import { waitUntil } from "./wait.ts";

const SETUP = fileURLToPath(new URL("../../../scripts/setup.sh", import.meta.url));
const NEEDED = "the tests that need an engine of their own start one: run them as root on Linux, with dockerd";

export class PrivateEngine extends Engine {
  readonly #directory: string;
  #path: string;
  /** Its child is the first process of the namespaces. */
  #holder: ChildProcess | null = null;
  #init = 0;
  #daemon: ChildProcess | null = null;

  private constructor(directory: string, path: string) {
    super(`unix://${directory}/docker.sock`);
    this.#directory = directory;
    this.#path = path;
  }

  /**
   * Running, with these images of the main engine's.
   * @param path - where dockerd is looked for, and what it runs
   */
  static async start(images: readonly string[], path = process.env["PATH"] ?? ""): Promise<PrivateEngine> {
    if (process.platform !== "linux" || process.getuid?.() !== 0) throw new Error(NEEDED);
    if ((await run("sh", ["-c", "command -v dockerd"], { env: { PATH: path } })).code !== 0) throw new Error(NEEDED);
    const engine = new PrivateEngine(await mkdtemp(join(tmpdir(), "sc-e2e-engine-")), path);
    try {
      await engine.powerOn();
      const { env: from } = await mainEngine();
      await must("sh", ["-c", `docker save ${images.join(" ")} | docker --host "${engine.host}" load`], { env: from });
    } catch (thrown) {
      await engine.remove();
      throw thrown;
    }
    return engine;
  }

  /** What to start it with for another version, which is obtained where it is not there yet. */
  static async pathOf(version: string): Promise<string> {
    const said = await must("bash", [SETUP, "versions", `engine-${version}`]);
    const directory = said.trim().split(" ").at(-1) ?? "";
    return `${directory}${delimiter}${process.env["PATH"] ?? ""}`;
  }

  /** Another version, from its next start on. */
  upgrade(path: string): void {
    this.#path = path;
  }

  /** A machine that boots: no process, no mount and no network but those that the engine makes. */
  async powerOn(): Promise<void> {
    // The first process reaps those that lose their parents, as a shell does; it dies with this process, and all others
    // with it.
    const holder = spawn(
      "setpriv",
      [
        ...["--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"],
        // Its loopback is down like every new network's, and ports are published there.
        ...["bash", "-c", "ip link set lo up; sleep infinity & wait"],
      ],
      // Its own session: a Ctrl-C is for the tests, which need it until they have taken down their stacks.
      { stdio: "ignore", detached: true },
    );
    this.#holder = holder;
    this.#init = await waitUntil("the engine's namespaces are there", () => childOf(holder.pid ?? 0));
    await this.startDaemon();
  }

  /** Every process ends at once, as without power; what is on the disk stays, what is in /run does not. */
  async powerOff(): Promise<void> {
    const init = this.#init;
    this.#holder?.kill("SIGKILL");
    await waitUntil("every process of the engine has ended", () => isGone(init));
    await rm(join(this.#directory, "pid"), { force: true });
    // Else the number that it has of its containerd may be another process's in the next life.
    await this.#delete(join(this.#directory, "exec"));
  }

  /** @param options - of dockerd's, such as `--live-restore` */
  async startDaemon(...more: readonly string[]): Promise<void> {
    const at = (name: string): string => join(this.#directory, name);
    const options = ["--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid"), "--host", this.host];
    this.#daemon = spawn("nsenter", [...this.#namespaces(), "dockerd", ...options, ...more], {
      env: { ...process.env, PATH: this.#path },
      stdio: "ignore",
      detached: true,
    });
    await waitUntil("the private engine answers", async () => (await this.tryDocker("version")).code === 0);
  }

  /** Returns when it is gone. */
  async stopDaemon(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    // nsenter enters a process namespace by a child of its own: that one is the engine.
    const daemon = await childOf(this.#daemon?.pid ?? 0);
    if (daemon === null) throw new Error("the private engine does not run");
    process.kill(daemon, signal);
    await waitUntil(
      "the private engine has ended",
      () => this.#daemon?.exitCode !== null || this.#daemon.signalCode !== null,
    );
  }

  async remove(): Promise<void> {
    await this.powerOff();
    await this.#delete(this.#directory);
  }

  async #delete(path: string): Promise<void> {
    await waitUntil("its files are free", () => rm(path, { recursive: true, force: true }).then(() => true));
  }

  #namespaces(): string[] {
    return ["--target", String(this.#init), "--net", "--mount", "--pid"];
  }
}

async function childOf(pid: number): Promise<number | null> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const [first] = children.trim().split(" ");
  return first === undefined || first === "" ? null : Number(first);
}

/** A first process goes last: the kernel ends all others of its namespace before it. */
async function isGone(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return stat === null || stat.includes(") Z ");
}
