/** What was measured: to the terminal as it comes, and whole into bench/RESULTS.md. */
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { format } from "prettier";
import { ROOT } from "../scripts/demo/files.ts";
import { line, note, step, table } from "../scripts/demo/print.ts";
import { run } from "../scripts/demo/run.ts";

const RESULTS = join(ROOT, "bench/RESULTS.md");

export interface RunFacts {
  /** Milliseconds. */
  readonly took: number;
  readonly quick: boolean;
  readonly sops: string;
}

export class Report {
  readonly #sections: string[] = [];
  readonly #targets: [what: string, measured: string, verdict: string][] = [];

  table(
    title: string,
    header: readonly string[],
    rows: readonly (readonly string[])[],
    notes: readonly string[] = [],
  ): void {
    step(title);
    table(header, rows);
    for (const text of notes) note(text);
    this.#sections.push(`## ${title}`, markdown(header, rows), ...notes);
  }

  target(what: string, measured: string, reached: boolean): void {
    this.#targets.push([what, measured, reached ? "PASS" : "FAIL"]);
  }

  targets(): void {
    this.table("What is to be reached", ["TARGET", "MEASURED", ""], this.#targets);
  }

  /** The targets stand first. */
  async save({ took, quick, sops }: RunFacts): Promise<void> {
    const targets = this.#sections.splice(-2);
    const intro =
      "Written by `npm run bench`: every figure is from the same run. Figures are medians; on another machine the ratios count.";
    const text = [
      "# What was measured",
      intro,
      await machine({ took, quick, sops }),
      ...targets,
      ...this.#sections,
    ].join("\n\n");
    await writeFile(RESULTS, await format(text, { parser: "markdown", printWidth: 120 }));
    line();
    note("written to bench/RESULTS.md");
  }
}

function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [row(header), row(header.map(() => "---")), ...rows.map(row)].join("\n");
}

async function machine({ took, quick, sops }: RunFacts): Promise<string> {
  const engine = await run("docker", [
    "version",
    "--format",
    "{{.Server.Version}} (API {{.Server.APIVersion}}), {{.Server.Os}}/{{.Server.Arch}}",
  ]);
  const compose = await run("docker", ["compose", "version", "--short"]);
  const sopsVersion = (await run(sops, ["--version", "--disable-version-check"])).split("\n")[0] ?? "";
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { version: string };
  const load = (await readFile("/proc/loadavg", "utf8")).split(" ").slice(0, 3).join(" ");
  const rows = [
    [
      "when",
      `${new Date().toISOString().slice(0, 16)}Z, in ${Math.round(took / 1000)} s${quick ? ", a quick run: few repetitions" : ""}`,
    ],
    ["sidecrypt", version],
    [
      "machine",
      `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB; load at the end ${load}`,
    ],
    ["kernel", release()],
    ["engine", engine.trim()],
    ["Compose", compose.trim()],
    ["node of the bench", process.version],
    ["sops", sopsVersion.replace(/^sops /, "")],
  ];
  return markdown(["", ""], rows);
}
