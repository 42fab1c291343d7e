/** Rolls under way, in memory, as src/daemon/records.ts keeps them in /state. */
import type { Records } from "../../src/roll/context.ts";
import type { RollRecord } from "../../src/roll/record.ts";
import type { FakeSession } from "./fake-session.ts";

export class FakeRecords {
  #all: readonly RollRecord[] = [];
  #restarts: readonly string[] = [];

  get restarts(): readonly string[] {
    return this.#restarts;
  }

  get all(): readonly RollRecord[] {
    return this.#all;
  }

  /** The state volume is lost. */
  lose(): void {
    this.#all = [];
    this.#restarts = [];
  }

  /** As one sidecar acts on them: its writes are counted with its calls to the engine. */
  session(session: FakeSession): Records {
    const without = (operation: string): RollRecord[] => this.#all.filter((one) => one.operation !== operation);
    const read = (): readonly RollRecord[] => this.#all;
    const restarts = (): readonly string[] => this.#restarts;
    const others = (id: string): string[] => this.#restarts.filter((one) => one !== id);
    return {
      get restarts() {
        return restarts();
      },
      beginRestart: (id) =>
        session.step("write", "record", true, () => {
          this.#restarts = [...others(id), id];
        }),
      endRestart: (id) =>
        session.step("erase", "record", true, () => {
          this.#restarts = others(id);
        }),
      get all() {
        return read();
      },
      write: (record) =>
        session.step("write", "record", true, () => {
          this.#all = [...without(record.operation), record];
        }),
      erase: (operation) =>
        session.step("erase", "record", true, () => {
          this.#all = without(operation);
        }),
    };
  }
}
