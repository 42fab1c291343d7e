/** Rolls under way, in /state: they outlive this process, and a reboot that empties the drops. Ids and names only. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { Records } from "../roll/context.ts";
import { rollRecord, type RollRecord } from "../roll/record.ts";
import { writeWhole } from "./state-file.ts";

const FILE = "rolls.json";

const schema = z.object({ version: z.literal(1), rolls: z.array(rollRecord) });

export class RecordFile implements Records {
  readonly #dir: string;
  #rolls: readonly RollRecord[];
  /** One write after the other: units that roll at once share the file. */
  #last: Promise<void> = Promise.resolve();

  private constructor(dir: string, rolls: readonly RollRecord[]) {
    this.#dir = dir;
    this.#rolls = rolls;
  }

  /** One that is absent or damaged tells nothing: what Docker's own state tells is left. */
  static async load(dir: string): Promise<RecordFile> {
    const text = await readFile(join(dir, FILE), "utf8").catch(() => "");
    return new RecordFile(dir, parse(text));
  }

  get all(): readonly RollRecord[] {
    return this.#rolls;
  }

  /** @throws SidecryptError `state-unwritable` */
  async write(record: RollRecord): Promise<void> {
    await this.#save([...this.#rolls.filter((one) => one.operation !== record.operation), record]);
  }

  /** @throws SidecryptError `state-unwritable` */
  async erase(operation: string): Promise<void> {
    if (!this.#rolls.some((one) => one.operation === operation)) return;
    await this.#save(this.#rolls.filter((one) => one.operation !== operation));
  }

  #save(rolls: readonly RollRecord[]): Promise<void> {
    this.#rolls = rolls;
    const saved = this.#last.then(() => {
      const text = `${JSON.stringify({ version: 1, rolls: this.#rolls }, null, 2)}\n`;
      return writeWhole(join(this.#dir, FILE), Buffer.from(text), this.#dir);
    });
    this.#last = saved.catch(() => undefined);
    return saved;
  }
}

function parse(text: string): readonly RollRecord[] {
  try {
    return schema.parse(JSON.parse(text)).rolls;
  } catch {
    return [];
  }
}
