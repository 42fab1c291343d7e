/** A bot whose gate is held open: on a key that begins with `slow-` it turns healthy when it is told to, never before. */
import { bot, HEALTHY, QUICK, type Definition } from "./model.ts";
import type { Container } from "./engine.ts";
import { SIDECAR, type Stack } from "./stack.ts";
import { randomValue } from "./values.ts";
import { waitUntil } from "./wait.ts";

const GO = "/tmp/go";

export function gatedBot(key: string, labels: Readonly<Record<string, string>> = {}): Definition {
  // Compose reads `$$` as one `$`.
  const test = `case "$$(cat /run/secrets/${key})" in slow-*) test -e ${GO} ;; *) ${HEALTHY.join(" ")} ;; esac`;
  return bot(key, { labels, healthcheck: { test: ["CMD-SHELL", test], interval: QUICK, retries: 300 } });
}

/**
 * Labels of a bot whose gate is held open by its probe. Its health check stays its own, so that a bad key fails at once.
 */
export function heldLabels(key: string): Record<string, string> {
  return {
    "sidecrypt.probe": `case "$$(cat /run/secrets/${key})" in slow-*) test -e ${GO} ;; esac`,
    "sidecrypt.health-timeout": "2m",
  };
}

export const slowKey = (): string => randomValue("slow-");

export interface MidRoll {
  readonly key: string;
  /** The container that ran before, now the backup, and the one that the gate watches. */
  readonly old: Container;
  readonly candidate: Container;
}

/** Sets a slow key, and others with it; returns when the candidate runs and the gate waits for it. */
export async function midRoll(
  stack: Stack,
  service: string,
  name: string,
  others: Readonly<Record<string, string>> = {},
): Promise<MidRoll> {
  const old = await stack.inspect(service);
  const key = slowKey();
  await stack.bundle.set({ [name]: key, ...others });
  const candidate = await waitUntil(`the gate waits for the new ${service}`, async () => {
    const all = await stack.containersOf(service);
    const backup = all.find((one) => one.Id === old.Id);
    if (backup === undefined || backup.State.Running || !backup.Name.includes(".bak.")) return false;
    return all.find((one) => one.State.Running);
  });
  return { key, old, candidate };
}

export async function letPass(stack: Stack, { candidate }: MidRoll): Promise<void> {
  await stack.engine.docker("exec", candidate.Id, "touch", GO);
}

/** The candidate ends by itself, which its gate takes for a failure. */
export async function letFail(stack: Stack, { candidate }: MidRoll): Promise<void> {
  await waitUntil("the candidate has ended", async () => {
    // The command may end with the container that it ends, and a process that has just begun ignores the signal.
    await stack.engine.tryDocker("exec", candidate.Id, "sh", "-c", "kill 1");
    const [now] = (await stack.containers()).filter(({ Id }) => Id === candidate.Id);
    return now?.State.Running !== true;
  });
}

/** What is not as it is when nothing is under way; empty: all is well. */
export async function disorder(stack: Stack, services: readonly string[]): Promise<string[]> {
  const faults: string[] = [];
  const all = await stack.containers();
  for (const service of services) {
    const mine = all.filter((one) => one.Config.Labels["com.docker.compose.service"] === service);
    if (mine.length !== 1) faults.push(`${service} has ${mine.length} containers`);
    for (const one of mine) {
      if (one.Name !== `/${stack.project}-${service}-1`) faults.push(`a container of ${service} is called ${one.Name}`);
      if (!one.State.Running) faults.push(`${one.Name} is ${one.State.Status}`);
    }
  }
  return faults;
}

/** Until every service has one running container under its name, and nothing is left of a roll. */
export async function waitOrder(stack: Stack, services: readonly string[]): Promise<void> {
  let faults: readonly string[] = [];
  await waitUntil("one running container a service, under its name", async () => {
    faults = await disorder(stack, services);
    if (faults.length > 0) throw new Error(faults.join("; "));
    return true;
  });
}

/**
 * From wherever the test before left it: the sidecar and the services run, current on these secrets. Never `up` beside a
 * running sidecar, which may be rolling the new secrets already: that is a test of its own.
 */
export async function settle(
  stack: Stack,
  services: readonly string[],
  secrets: Readonly<Record<string, string>>,
): Promise<void> {
  if ((await disorder(stack, services)).length > 0) {
    await stack.compose("down", "--timeout", "5");
    await stack.bundle.set(secrets);
    await stack.compose("up", "--detach");
  } else {
    await stack.bundle.set(secrets);
    await stack.compose("start", SIDECAR);
  }
  await stack.waitCommitted();
  await waitOrder(stack, services);
}

/** The names on a drop beside the script: those of a complete generation without one before it. */
export async function dropNames(stack: Stack, service: string): Promise<string[]> {
  const { stdout } = await stack.exec(service, "ls", "-A", "/run/secrets");
  return stdout
    .split("\n")
    .filter((name) => name !== "" && name !== "with-secrets")
    .map((name) => name.replace(/^\.\.gen-.*/, "..gen"))
    .sort();
}
