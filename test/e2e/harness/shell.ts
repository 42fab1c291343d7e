/**
 * A consumer that is a loop of the shell, for tests of how a container is moved: it reads its key at its start, and at a
 * HUP, and uses what it read. Lighter than a bot by a Node each.
 */
import { QUICK, type Definition } from "./model.ts";
import type { Stack } from "./stack.ts";

/** What it read last: the key that it uses. */
const LOADED = "/tmp/loaded";

export interface ShellOptions extends Partial<Definition> {
  /** Commands before the loop, behind the first reading; `$key` holds what was read. */
  readonly then?: string;
  /** Its health check, exit 0: healthy; without one, a key that begins with `bad-` is refused. Null: none. */
  readonly health?: string | null;
}

const REFUSES_BAD = `case "$(cat ${LOADED})" in bad-*) exit 1 ;; esac`;

export function shell(key: string, options: ShellOptions = {}): Definition {
  const { then = ":", health = REFUSES_BAD, labels, ...rest } = options;
  const script = [
    `load() { key=$(cat /run/secrets/${key}); printf %s "$key" >${LOADED}; }`,
    "trap load HUP",
    "trap 'exit 0' TERM INT",
    "load || exit 1",
    then,
    "while :; do sleep 1000 & wait $!; done",
  ].join("\n");
  return {
    image: "sidecrypt-bot",
    entrypoint: ["sh", "-c", composed(script)],
    command: [],
    labels: { "sidecrypt.secrets": key, ...labels },
    healthcheck:
      health === null
        ? { disable: true }
        : { test: ["CMD-SHELL", composed(health)], interval: QUICK, retries: 2, timeout: "10s" },
    drop: { gid: 1000 },
    ...rest,
  };
}

/** As Compose has to be told it: there `$$` is one `$`. */
export const composed = (text: string): string => text.replaceAll("$", "$$$$");

/** The key that its process uses. */
export async function loaded(stack: Stack, service: string): Promise<string> {
  const { code, stdout, stderr } = await stack.exec(service, "cat", LOADED);
  if (code !== 0) throw new Error(`${service} has read nothing: ${stderr}`);
  return stdout;
}
