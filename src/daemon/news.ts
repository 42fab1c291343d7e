/** Looks happen every few seconds; the log says each thing once, until it is another one. */
import { printPlan } from "../plan/index.ts";
import type { Log } from "../report/log.ts";
import type { Fault, Plan } from "../types.ts";
import type { Pause } from "./pace.ts";
import type { Present } from "./present.ts";

export class News {
  readonly #log: Log;
  readonly #said = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  bundle({ bundles, fault, path, signers, isHalfDone }: Present): void {
    if (isHalfDone) return;
    if (!this.#isNew("bundle", [bundles?.digest, fault])) return;
    if (fault !== null) this.#log.error("bundle-refused", { path, ...fault });
    else this.#log.info("bundle-opened", { path, digest: bundles?.digest.slice(0, 12), ...signedBy(signers) });
  }

  plan(made: Plan): void {
    const { warnings, refusals, held } = made;
    if (this.#isNew("warnings", warnings)) for (const one of warnings) this.#log.warn("plan-warning", { ...one });
    if (this.#isNew("refusals", refusals)) {
      for (const { services, fault } of refusals) this.#log.error("consumer-refused", { services, ...fault });
    }
    if (this.#isNew("held", held)) {
      for (const { kind, services, reason } of held) this.#log.warn("held-back", { kind, services, reason });
    }
    const steps = hasWork(made) ? printPlan(made).trimEnd().split("\n") : [];
    if (this.#isNew("plan", steps) && steps.length > 0) this.#log.info("planned", { plan: steps });
  }

  postponed({ service, until }: Pause, services: readonly string[], fault: Fault | null): void {
    if (!this.#isNew(`postponed ${services.join(" ")}`, [service, until, fault?.code])) return;
    if (fault !== null) this.#log.error("circuit-open", { services, ...fault });
    else this.#log.info("roll-postponed", { services, until: new Date(until).toISOString() });
  }

  /** Whether the script could be put on a drop. */
  equipped(volume: string, fault: Fault | null): void {
    if (this.#isNew(`equipped ${volume}`, fault) && fault !== null)
      this.#log.warn("drop-warning", { volume, ...fault });
  }

  undone(services: readonly string[], fault: Fault): void {
    if (this.#isNew(`undone ${services.join(" ")}`, fault)) this.#log.error("undone", { services, ...fault });
  }

  #isNew(topic: string, value: unknown): boolean {
    const text = JSON.stringify(value);
    if (this.#said.get(topic) === text) return false;
    this.#said.set(topic, text);
    return true;
  }
}

function signedBy(signers: Present["signers"]): { readonly signers?: readonly string[] } {
  return signers.length === 0 ? {} : { signers: signers.map(({ principals }) => principals) };
}

function hasWork(made: Plan): boolean {
  return made.deliveries.length + made.refreshes.length + made.units.length > 0;
}
