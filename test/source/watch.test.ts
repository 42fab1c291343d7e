/** Real file events and a real clock, waited for by state; the poll alone under a clock moved by hand. */
import { execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { watch } from "../../src/source/index.ts";
import type { OpenEvents, WatchOptions } from "../../src/source/index.ts";
import { BUNDLE, HandClock, folder } from "./folders.ts";

const HOUR = 3_600_000;

async function watching(dir: string, options: Partial<WatchOptions> = {}) {
  const stop = new AbortController();
  const looks: (string | null)[] = [];
  const warnings: string[] = [];
  const watcher = await watch({
    dir,
    clock: systemClock,
    debounceMs: 60,
    maxWaitMs: 2_000,
    pollMs: HOUR,
    signal: stop.signal,
    onChange: () => looks.push(content(dir)),
    onWarning: (message) => warnings.push(message),
    ...options,
  });
  onTestFinished(() => watcher.close());
  return { looks, warnings, stop, watcher };
}

function content(dir: string): string | null {
  try {
    return readFileSync(join(dir, "bundle"), "utf8");
  } catch {
    return null;
  }
}

/** The last look found this. */
async function lookedAt(looks: readonly (string | null)[], wanted: string | null) {
  await vi.waitFor(() => {
    expect(looks.at(-1)).toBe(wanted);
  }, 8_000);
}

function withBundle(text = "1"): string {
  const dir = folder();
  writeFileSync(join(dir, "bundle"), text);
  return dir;
}

test("a file renamed over, as git and editors do", async () => {
  const dir = withBundle();
  const { looks } = await watching(dir);
  for (const text of ["2", "3"]) {
    writeFileSync(join(dir, "new.tmp"), text);
    renameSync(join(dir, "new.tmp"), join(dir, "bundle"));
    await lookedAt(looks, text);
  }
});

test("a real git checkout", { timeout: 20_000 }, async () => {
  const dir = withBundle();
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd: dir });
  git("init", "-q", "-b", "main");
  git("add", ".");
  git("commit", "-qm", "1");
  writeFileSync(join(dir, "bundle"), "2");
  git("commit", "-qam", "2");
  const { looks } = await watching(dir);
  git("checkout", "-q", "HEAD~1");
  await lookedAt(looks, "1");
  git("checkout", "-q", "main");
  await lookedAt(looks, "2");
});

test("a file written in halves is looked at when it is whole", async () => {
  const dir = withBundle();
  const { looks } = await watching(dir);
  writeFileSync(join(dir, "bundle"), BUNDLE.slice(0, 5));
  appendFileSync(join(dir, "bundle"), BUNDLE.slice(5));
  await lookedAt(looks, BUNDLE);
  expect(looks).toHaveLength(1);
});

test("H46: fifty rewrites make one look", async () => {
  const dir = withBundle();
  const { looks } = await watching(dir, { debounceMs: 300 });
  for (let n = 0; n < 50; n++) writeFileSync(join(dir, "bundle"), `rewrite ${n}`);
  await lookedAt(looks, "rewrite 49");
  // Another change, waited for, shows that no second look at the first fifty was on its way.
  writeFileSync(join(dir, "bundle"), "after");
  await lookedAt(looks, "after");
  expect(looks).toEqual(["rewrite 49", "after"]);
});

test("that something happens is said before the quiet, and what comes of it after", async () => {
  const dir = withBundle();
  const order: string[] = [];
  await watching(dir, { onStir: () => order.push("stirs"), onChange: () => order.push("changed") });
  writeFileSync(join(dir, "bundle"), "2");
  await vi.waitFor(() => {
    expect(order).toContain("changed");
  }, 8_000);
  expect(order[0]).toBe("stirs");
  expect(order.at(-1)).toBe("changed");
});

test("a file that vanishes and comes back", async () => {
  const dir = withBundle();
  const { looks } = await watching(dir);
  unlinkSync(join(dir, "bundle"));
  await lookedAt(looks, null);
  writeFileSync(join(dir, "bundle"), "back");
  await lookedAt(looks, "back");
  writeFileSync(join(dir, "bundle"), "and again");
  await lookedAt(looks, "and again");
});

test("a directory that vanishes and comes back is watched again", { timeout: 20_000 }, async () => {
  const dir = withBundle();
  const { looks } = await watching(dir);
  rmSync(dir, { recursive: true });
  await lookedAt(looks, null);
  mkdirSync(dir);
  writeFileSync(join(dir, "bundle"), "back");
  await lookedAt(looks, "back");
  writeFileSync(join(dir, "bundle"), "by event");
  await lookedAt(looks, "by event");
});

test("a directory link that is swapped under the bundle's", async () => {
  const dir = folder();
  for (const text of ["1", "2"]) {
    mkdirSync(join(dir, `..${text}`));
    writeFileSync(join(dir, `..${text}`, "bundle"), text);
  }
  symlinkSync("..1", join(dir, "..data"));
  symlinkSync("..data/bundle", join(dir, "bundle"));
  const { looks } = await watching(dir);
  symlinkSync("..2", join(dir, "..data.tmp"));
  renameSync(join(dir, "..data.tmp"), join(dir, "..data"));
  await lookedAt(looks, "2");
});

test("a template beside the bundle counts too", async () => {
  const dir = withBundle();
  const { looks } = await watching(dir);
  writeFileSync(join(dir, "config.json.tpl"), "{}");
  await lookedAt(looks, "1");
});

test("after the end nothing is said", async () => {
  const dir = withBundle();
  const { looks, stop, watcher } = await watching(dir);
  const other = await watching(dir);
  writeFileSync(join(dir, "bundle"), "2");
  stop.abort();
  await watcher.close();
  await lookedAt(other.looks, "2");
  expect(looks).toEqual([]);
});

test("an end before the beginning", async () => {
  await watching(withBundle(), { signal: AbortSignal.abort() });
});

/** The reading of a directory takes real time that no clock of ours tells. */
async function settled(look: () => void) {
  await vi.waitFor(look, { timeout: 8_000, interval: 1 });
}

test("without events the poll finds changed content, and only that", async () => {
  const dir = withBundle();
  const clock = new HandClock();
  const { looks, warnings } = await watching(dir, { clock, events: null, pollMs: 30_000 });
  const minute = async () => {
    for (let second = 0; second < 60; second++) {
      await settled(() => {
        expect(clock.sleeping).not.toEqual([]);
      });
      await clock.advance(1_000);
    }
  };

  utimesSync(join(dir, "bundle"), 1, 1);
  await minute();
  expect(looks).toEqual([]);
  writeFileSync(join(dir, "bundle"), "2");
  utimesSync(join(dir, "bundle"), 1, 1);
  await minute();
  await settled(() => {
    expect(looks).toEqual(["2"]);
  });
  await minute();
  expect(looks).toEqual(["2"]);
  expect(warnings).toEqual([]);
});

test("a file beside the bundle that may not be read costs no events", { timeout: 20_000 }, async () => {
  if (process.getuid?.() !== 0) throw new Error("this test watches as another user: run it as root");
  const dir = withBundle();
  chmodSync(dir, 0o755);
  writeFileSync(join(dir, "age.key"), "", { mode: 0o600 });
  const program = fileURLToPath(new URL("watch.program.ts", import.meta.url));
  const user = ["--reuid=10001", "--regid=10001", "--clear-groups"];
  const child = spawn("setpriv", [...user, process.execPath, "--import", "tsx", program, dir]);
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  await settled(() => {
    expect(out).toBe("ready\n");
  });
  writeFileSync(join(dir, "bundle"), "2");
  await settled(() => {
    expect(out).toBe("ready\nlook\n");
  });
});

test("events that fail are said once, and the poll goes on alone", async () => {
  const dir = withBundle();
  const failing: OpenEvents = (_, __, onError) => {
    onError("ENOSPC");
    onError("ENOSPC");
    return Promise.resolve({ close: () => Promise.resolve() });
  };
  const { looks, warnings } = await watching(dir, { events: failing, pollMs: 200 });
  writeFileSync(join(dir, "bundle"), "2");
  await lookedAt(looks, "2");
  expect(warnings).toEqual([expect.stringContaining("max_user_watches")]);
});
