/** Rolls and restarts under way, in /state: they outlive this process, and a reboot that empties the drops. Ids and names only. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { Records } from "../roll/context.ts";
import { rollRecord, type RollRecord } from "../roll/record.ts";
import { writeWhole } from "./state-file.ts";

const FILE = "rolls.json";

const schema = z.object({
  version: z.literal(1),
  rolls: z.array(rollRecord),
  // A version that kept none wrote none.
  restarts: z.array(z.string()).default([]),
});

type Content = Readonly<Omit<z.infer<typeof schema>, "version">>;

export class RecordFile implements Records {
  readonly #dir: string;
  #content: Content;
  /** One write after the other: units that roll at once share the file. */
  #last: Promise<void> = Promise.resolve();

  private constructor(dir: string, content: Content) {
    this.#dir = dir;
    this.#content = content;
  }

  /** One that is absent or damaged tells nothing: what Docker's own state tells is left. */
  static async load(dir: string): Promise<RecordFile> {
    const text = await readFile(join(dir, FILE), "utf8").catch(() => "");
    return new RecordFile(dir, parse(text));
  }

  get all(): readonly RollRecord[] {
    return this.#content.rolls;
  }

  /** @throws SidecryptError `state-unwritable` */
  async write(record: RollRecord): Promise<void> {
    await this.#saveRolls([...this.all.filter((one) => one.operation !== record.operation), record]);
  }

  /** @throws SidecryptError `state-unwritable` */
  async erase(operation: string): Promise<void> {
    if (!this.all.some((one) => one.operation === operation)) return;
    await this.#saveRolls(this.all.filter((one) => one.operation !== operation));
  }

  get restarts(): readonly string[] {
    return this.#content.restarts;
  }

  /** @throws SidecryptError `state-unwritable` */
  async beginRestart(container: string): Promise<void> {
    await this.#save({ ...this.#content, restarts: [...new Set([...this.restarts, container])] });
  }

  /** @throws SidecryptError `state-unwritable` */
  async endRestart(container: string): Promise<void> {
    await this.#save({ ...this.#content, restarts: this.restarts.filter((one) => one !== container) });
  }

  #saveRolls(rolls: RollRecord[]): Promise<void> {
    return this.#save({ ...this.#content, rolls });
  }

  #save(content: Content): Promise<void> {
    this.#content = content;
    const saved = this.#last.then(() => {
      const text = `${JSON.stringify({ version: 1, ...this.#content }, null, 2)}\n`;
      return writeWhole(join(this.#dir, FILE), Buffer.from(text), this.#dir);
    });
    this.#last = saved.catch(() => undefined);
    return saved;
  }
}

function parse(text: string): Content {
  try {
    const { rolls, restarts } = schema.parse(JSON.parse(text));
    return { rolls, restarts };
  } catch {
    return { rolls: [], restarts: [] };
  }
}
