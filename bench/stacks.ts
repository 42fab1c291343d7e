/**
 * The two stacks that are measured beside each other, with the same bots: one with a sidecar, and one as an operator
 * has it today, its secrets in an env file. A bot is a shell: it reads its key at its start and ends at once when told.
 */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { parseIdentities, setSecret, type Identities } from "../src/bundle/index.ts";
import { run, tryRun } from "../scripts/demo/run.ts";
import { BundleFile } from "../test/e2e/harness/bundle-file.ts";

export const PROJECT = "sidecrypt-bench";
export const OURS = `${PROJECT}-ours`;
export const OPERATORS = `${PROJECT}-operator`;
export const SIDECAR = "secrets";
export const SHARED_KEY = "SHARED_KEY";

const WAIT_FOR_THE_END = "trap 'exit 0' TERM; sleep infinity & wait";
export const botName = (number: number): string => `bot${number}`;
export const keyOf = (number: number): string => `BOT${number}_API_KEY`;

/** One directory, one bundle, and the Compose files of both stacks. */
export class Stacks {
  readonly directory: string;
  readonly bots: number;
  readonly bundle: BundleFile;
  readonly #socket: string;
  readonly #image: string;
  #changes = 0;

  private constructor(directory: string, bots: number, socket: string, image: string) {
    this.directory = directory;
    this.bots = bots;
    this.bundle = new BundleFile(directory);
    this.#socket = socket;
    this.#image = image;
  }

  static async create(bots: number, socket: string, image: string): Promise<Stacks> {
    const directory = await mkdtemp(join(tmpdir(), "sidecrypt-bench-"));
    const stacks = new Stacks(directory, bots, socket, image);
    await mkdir(join(directory, OPERATORS));
    const names = [SHARED_KEY, ...stacks.numbers.map(keyOf)];
    await stacks.bundle.create(Object.fromEntries(names.map((name) => [name, `first value of ${name}`])));
    await writeFile(join(directory, `${OURS}.yaml`), stringify(stacks.#ours()));
    await writeFile(join(directory, `${OPERATORS}.yaml`), stringify(stacks.#operators()));
    return stacks;
  }

  get numbers(): number[] {
    return Array.from({ length: this.bots }, (_, index) => index + 1);
  }

  get environmentFile(): string {
    return join(this.directory, "bots.env");
  }

  #ours(): object {
    const volumes = this.numbers.map((number) => [`${botName(number)}-secrets`, TMPFS] as const);
    return {
      services: {
        [SIDECAR]: {
          image: "sidecrypt",
          restart: "unless-stopped",
          read_only: true,
          cap_drop: ["ALL"],
          security_opt: ["no-new-privileges:true"],
          network_mode: "none",
          stop_grace_period: "1m",
          // The same bot is rolled turn after turn.
          environment: { SIDECRYPT_MIN_INTERVAL: "0s", SIDECRYPT_BUDGET: "off" },
          volumes: [
            `${this.bundle.directory}:/bundle:ro`,
            `${this.bundle.keyFile}:/run/age.key:ro`,
            `${this.#socket}:/var/run/docker.sock`,
            "sidecrypt-state:/state",
            ...this.numbers.map((number) => `${botName(number)}-secrets:/drops/${botName(number)}`),
          ],
        },
        ...Object.fromEntries(this.numbers.map((number) => [botName(number), this.#ourBot(number)])),
      },
      volumes: { "sidecrypt-state": {}, ...Object.fromEntries(volumes) },
    };
  }

  #ourBot(number: number): object {
    return {
      ...this.#bot(`key=$$(cat /run/secrets/API_KEY) && ${WAIT_FOR_THE_END}`),
      volumes: [`${botName(number)}-secrets:/run/secrets:ro,nocopy`],
      labels: {
        "sidecrypt.secrets": `${keyOf(number)} ${SHARED_KEY}`,
        "sidecrypt.strip-prefix": `BOT${number}_`,
        // Asked once, and at once: a healthcheck in each of so many containers would be most of what is measured.
        "sidecrypt.probe": '["test", "-s", "/run/secrets/API_KEY"]',
      },
      depends_on: { [SIDECAR]: { condition: "service_healthy" } },
    };
  }

  #operators(): object {
    const bot = (number: number) => ({
      ...this.#bot(`key=$\${BOT${number}_API_KEY:?} && ${WAIT_FOR_THE_END}`),
      env_file: this.environmentFile,
    });
    return { services: Object.fromEntries(this.numbers.map((number) => [botName(number), bot(number)])) };
  }

  #bot(script: string): object {
    return { image: this.#image, entrypoint: ["sh", "-c", script], user: "1000:1000", restart: "unless-stopped" };
  }

  composeArgs(project: string): string[] {
    return ["compose", "-p", project, "-f", join(this.directory, `${project}.yaml`)];
  }

  async up(sops: string): Promise<void> {
    await writeFile(this.environmentFile, await run(sops, ["decrypt", this.bundle.path]));
    for (const project of [OURS, OPERATORS]) await run("docker", [...this.composeArgs(project), "up", "--detach"]);
  }

  async down(): Promise<void> {
    for (const project of [OURS, OPERATORS]) {
      const down = [...this.composeArgs(project), "down", "--volumes", "--remove-orphans", "--timeout", "10"];
      // Once more where an `up` that was cut off still started something; and no complaint over the first failure.
      if ((await tryRun("docker", down)).code !== 0) await tryRun("docker", down);
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Everything but the one rename that is the change: that is called later, and returns when it was, in milliseconds. */
  async prepareChange(name: string): Promise<() => Promise<number>> {
    const identities = await this.#identities();
    const value = Buffer.from(`value ${++this.#changes} of ${name}`);
    const options = { allowEmpty: new Set<string>() };
    const bytes = await setSecret(await this.bundle.bytes(), identities, name, value, new Date(), options);
    const next = join(this.directory, "next");
    await writeFile(next, bytes, { mode: 0o644 });
    return async () => {
      const at = Date.now();
      await rename(next, this.bundle.path);
      return at;
    };
  }

  async #identities(): Promise<Identities> {
    return parseIdentities(await readFile(this.bundle.keyFile, "utf8"), this.bundle.keyFile);
  }
}

const TMPFS = { driver_opts: { type: "tmpfs", device: "tmpfs", o: "size=1m,mode=2750,gid=1000,noexec,nosuid,nodev" } };
