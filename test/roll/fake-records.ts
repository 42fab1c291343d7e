/** Rolls under way, in memory, as src/daemon/records.ts keeps them in /state. */
import type { Records } from "../../src/roll/context.ts";
import type { RollRecord } from "../../src/roll/record.ts";
import type { FakeSession } from "./fake-session.ts";

export class FakeRecords {
  #all: readonly RollRecord[] = [];

  get all(): readonly RollRecord[] {
    return this.#all;
  }

  /** The state volume is lost. */
  lose(): void {
    this.#all = [];
  }

  /** As one sidecar acts on them: its writes are counted with its calls to the engine. */
  session(session: FakeSession): Records {
    const without = (operation: string): RollRecord[] => this.#all.filter((one) => one.operation !== operation);
    const read = (): readonly RollRecord[] => this.#all;
    return {
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
