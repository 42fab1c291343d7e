import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { parse } from "yaml";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sidecrypt, workshop, type Options, type Result, type Workshop } from "./harness.ts";

const ROOT = join(import.meta.dirname, "../..");
const run = promisify(execFile);
const VALUE = randomBytes(18).toString("base64url");

let shop: Workshop;
beforeEach(async () => {
  shop = await workshop({ API_KEY: VALUE, MODE: "live" });
  vi.spyOn(process, "cwd").mockReturnValue(shop.dir);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await shop.remove();
});

const at = (path: string): string => join(shop.dir, path);

async function scan(args: readonly string[], options: Options = {}): Promise<Result> {
  const { PATH = "", HOME = "" } = process.env;
  const result = await sidecrypt(["scan", ...args], { ...options, env: { PATH, HOME, ...shop.env, ...options.env } });
  expect(result.stdout + result.stderr).not.toContain(VALUE);
  return result;
}

async function git(...args: readonly string[]): Promise<string> {
  const identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
  return (await run("git", [...identity, ...args], { cwd: shop.dir })).stdout.trim();
}

describe("files", () => {
  it("without a value among them pass, and the answer says what was looked at and what was not searched for", async () => {
    const { status, stdout } = await scan([shop.bundle]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^not searched for: MODE: .+\nfiles: 1 files, \d+ KiB: nothing found\n$/);
  });

  it("with a value fail, with name, form, place and line", async () => {
    await mkdir(at("logs/deep"), { recursive: true });
    await writeFile(at("logs/deep/bot.log"), `ok\nlogin ${Buffer.from(VALUE).toString("base64")}\n`);
    const { status, stdout } = await scan([at("logs")]);
    expect(status).toBe(1);
    expect(stdout).toContain(`found: ${at("logs/deep/bot.log")}:2: API_KEY, base64`);
  });

  it("may hold the key itself only where SOPS_AGE_KEY_FILE says so", async () => {
    const identity = await readFile(at("age.key"), "utf8");
    expect((await scan([shop.dir])).status).toBe(0);
    await writeFile(at("copy.txt"), identity);
    const { status, stdout } = await scan([shop.dir]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^found: .+copy\.txt:1: shape:/m);
    expect(stdout).not.toContain(identity.trim());
  });

  it("that are not to be looked at are told with the reason", async () => {
    await writeFile(at("old.log"), VALUE);
    await writeFile(at(".sidecryptignore"), "# rotated in May\n*.log\n");
    const { status, stdout } = await scan([shop.dir]);
    expect(status).toBe(0);
    expect(stdout).toContain(`allowed: ${at("old.log")}: not looked at: rotated in May`);
  });

  it("are not found behind links in a directory, but where they lie", async () => {
    await writeFile(at("real.txt"), VALUE);
    await symlink(at("real.txt"), at("link.txt"));
    const { stdout } = await scan([shop.dir]);
    expect(stdout.match(/^found:/gm)).toHaveLength(1);
  });

  it("are looked at behind a link that is named itself, and so are directories", async () => {
    await mkdir(at("logs"));
    await writeFile(at("logs/bot.log"), VALUE);
    await symlink(at("logs/bot.log"), at("latest.log"));
    await symlink(at("logs"), at("all"));
    const [file, directory] = [await scan([at("latest.log")]), await scan([at("all")])];
    expect([file.status, directory.status]).toEqual([1, 1]);
    expect(file.stdout).toContain(`found: ${at("latest.log")}:1: API_KEY, raw`);
    expect(directory.stdout).toContain(`found: ${at("all/bot.log")}:1: API_KEY, raw`);
  });

  it("may be a pipe or a device", async () => {
    await run("mkfifo", [at("pipe")]);
    const writer = run("sh", ["-c", `printf 'ok\n%s' ${VALUE} > ${at("pipe")}`]);
    const { status, stdout } = await scan(["/dev/null", at("pipe")]);
    await writer;
    expect(status).toBe(1);
    expect(stdout).toContain(`found: ${at("pipe")}:2: API_KEY, raw`);
    expect(stdout).toContain("files: 2 files");
  });

  it("that are none of these, and links that lead nowhere, make the answer incomplete", async () => {
    await symlink(at("nowhere"), at("dangling"));
    const server = createServer().listen(at("socket"));
    await once(server, "listening");
    const { status, stdout } = await scan([at("dangling"), at("socket")]);
    server.close();
    expect(status).toBe(3);
    expect(stdout).toContain(`not checked: ${at("dangling")}: a link that leads nowhere`);
    expect(stdout).toContain(`not checked: ${at("socket")}: neither a file, a directory nor a pipe`);
  });

  it("behind a link may hold the key itself too, where SOPS_AGE_KEY_FILE says so", async () => {
    await symlink(at("age.key"), at("key"));
    const { status, stdout } = await scan([at("key")]);
    expect(status).toBe(0);
    expect(stdout).toContain(`allowed: ${at("key")}: not looked at: it is the key file`);
  });

  it("that are compressed are looked through, and one that is cut off makes the answer incomplete", async () => {
    const packed = gzipSync(`${"nothing here\n".repeat(2_000_000)}${VALUE}\n`);
    await writeFile(at("bot.log.2.gz"), packed);
    expect((await scan([at("bot.log.2.gz")])).stdout).toContain("bot.log.2.gz:2000001: API_KEY, gzip");
    await writeFile(at("bot.log.2.gz"), packed.subarray(0, -100));
    const { status, stdout } = await scan([at("bot.log.2.gz")]);
    expect(status).toBe(3);
    expect(stdout).toMatch(/^not checked: .+bot\.log\.2\.gz: a gzip that is damaged or cut off/m);
  });

  it("in a name too are not printed", async () => {
    await writeFile(at(`${VALUE}.txt`), "");
    const { status, stdout } = await scan([shop.dir]);
    expect(status).toBe(1);
    expect(stdout).toContain("API_KEY, in its name");
  });

  it("that cannot be read make the answer incomplete", async () => {
    // Also for root: nothing is mapped at its beginning.
    const { status, stdout } = await scan(["/proc/self/mem"]);
    expect(status).toBe(3);
    expect(stdout).toContain("not checked: /proc/self/mem: cannot be read: EIO");
  });

  it("that are not there are an error", async () => {
    const { status, stderr } = await scan([at("nowhere")]);
    expect(status).toBe(2);
    expect(stderr).toContain(`there is no ${at("nowhere")}`);
  });
});

it("looks through stdin", async () => {
  const { status, stdout } = await scan(["-"], { stdin: ["a\nb ", VALUE.slice(0, 5), VALUE.slice(5), "\n"] });
  expect(status).toBe(1);
  expect(stdout).toContain("found: stdin:2: API_KEY, raw");
});

it("writes a report with status and scopes", async () => {
  await writeFile(at("a.txt"), VALUE);
  const { stdout } = await scan([at("a.txt"), "--report", "--json"]);
  const text = await readFile(at("reports/security/latest.json"), "utf8");
  expect(stdout).toBe(text);
  expect(JSON.parse(text)).toMatchObject({
    status: "fail",
    complete: true,
    scopes: [{ name: "files", status: "fail", findings: [{ name: "API_KEY", form: "raw", lines: [1] }] }],
  });
});

it("finds what looks like a key without any bundle", async () => {
  const { status, stdout } = await scan(["--no-bundle", "-"], {
    stdin: `-----BEGIN OPENSSH PRIVATE KEY-----\n${randomBytes(96).toString("base64")}\n`,
    env: { SOPS_AGE_KEY_FILE: "/nowhere" },
  });
  expect(status).toBe(1);
  expect(stdout).toContain("shape:");
  expect(stdout).toContain("not searched for: the bundle: --no-bundle");
});

it("wants to be told what to look through", async () => {
  const { status, stderr } = await scan([]);
  expect(status).toBe(2);
  expect(stderr).toContain("sidecrypt scan .");
});

describe("a Compose model", () => {
  const model = (environment: Record<string, string>, nocopy: boolean): string =>
    JSON.stringify({
      name: "stack",
      services: {
        secrets: { image: "sidecrypt", volumes: [{ type: "volume", source: "bot-secrets", target: "/drops/bot" }] },
        bot: {
          environment,
          labels: { "sidecrypt.secrets": "API_KEY" },
          volumes: [
            { type: "volume", source: "bot-secrets", target: "/run/secrets", read_only: true, volume: { nocopy } },
          ],
        },
      },
      volumes: { "bot-secrets": { name: "stack_bot-secrets", driver_opts: { type: "tmpfs", device: "tmpfs", o: "" } } },
    });

  it("with a value of the bundle in it is a find, and what is only careless a warning", async () => {
    await writeFile(at("model.json"), model({ OTHER: Buffer.from(VALUE).toString("hex") }, false));
    const { status, stdout } = await scan(["--compose", at("model.json")]);
    expect(status).toBe(1);
    expect(stdout).toContain(`found: ${at("model.json")}: services.bot.environment.OTHER: API_KEY, hex`);
    expect(stdout).toContain(`warning: ${at("model.json")}: mount-without-nocopy, `);
  });

  it("is looked at without bundle and key too, with the line to paste", async () => {
    await writeFile(at("model.json"), model({ API_KEY: VALUE }, true));
    const { status, stdout } = await scan(["--no-bundle", "--compose", at("model.json")]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^found: .+: value-in-environment, service bot: environment API_KEY holds a value\n {2}\S/m);
  });

  it("without one passes", async () => {
    await writeFile(at("model.json"), model({ TZ: "UTC" }, true));
    const { status, stdout } = await scan(["--compose", at("model.json")]);
    expect(status).toBe(0);
    expect(stdout).toContain("compose: 2 services: nothing found");
  });
});

describe("a repository", () => {
  beforeEach(async () => {
    await git("init", "--quiet");
    await writeFile(at(".gitignore"), "age.key\n");
    await git("add", ".");
    await git("commit", "--quiet", "--message", "start");
  });

  async function commitAndTakeBack(): Promise<string> {
    await writeFile(at("conf.env"), `KEY=${VALUE}\n`);
    await git("add", "conf.env");
    await git("commit", "--quiet", "--message", "oops");
    const commit = await git("rev-parse", "--short", "HEAD");
    await git("rm", "--quiet", "conf.env");
    await git("commit", "--quiet", "--message", "gone");
    return commit;
  }

  it("is clean where nothing was ever committed", async () => {
    const { status, stdout } = await scan(["--git"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^git: \d+ objects of the git history/m);
  });

  it("shows what was committed and deleted again, with the commit", async () => {
    const commit = await commitAndTakeBack();
    const { status, stdout } = await scan(["--git"]);
    expect(status).toBe(1);
    expect(stdout).toContain(`found: ${commit}:conf.env:1: API_KEY, raw`);
    expect((await git("show", `${commit}:conf.env`)).length).toBeGreaterThan(0);
  });

  it("shows what was amended away, stashed, and written into a message", async () => {
    await commitAndTakeBack();
    await git("reset", "--quiet", "--hard", "HEAD~2");
    await git("commit", "--quiet", "--allow-empty", "--message", `set ${VALUE}`);
    await writeFile(at(".gitignore"), `age.key\n# ${VALUE}\n`);
    await git("stash", "--quiet");
    await git("reflog", "expire", "--expire=now", "--all");
    const { stdout } = await scan(["--git"]);
    expect(stdout).toMatch(/^found: unreachable object \w+:1: API_KEY, raw$/m);
    expect(stdout).toMatch(/^found: commit \w+:\d+: API_KEY, raw$/m);
    expect(stdout.match(/^found: /gm)?.length).toBeGreaterThanOrEqual(3);
  });

  it("is looked at as it is staged, not as it lies in the directory", async () => {
    await writeFile(at("a.txt"), VALUE);
    await git("add", "a.txt");
    await rm(at("a.txt"));
    await writeFile(at("b.txt"), VALUE);
    const { status, stdout } = await scan(["--staged"]);
    expect(status).toBe(1);
    expect(stdout).toContain("found: a.txt:1: API_KEY, raw");
    expect(stdout).not.toContain("b.txt");
  });

  it("is judged by the ignore file at its top, wherever the command stands", async () => {
    await mkdir(at("sub/old"), { recursive: true });
    await writeFile(at("sub/old/a.log"), `old ${VALUE}`);
    await writeFile(at("sub/b.log"), VALUE);
    await writeFile(at(".sidecryptignore"), "# rotated in May\n/sub/old/\n");
    await writeFile(at("sub/.sidecryptignore"), "# of another scan\n*.log\n");
    await git("add", ".");
    vi.spyOn(process, "cwd").mockReturnValue(at("sub"));
    const staged = await scan(["--staged"]);
    await git("commit", "--quiet", "--message", "logs");
    for (const { status, stdout } of [staged, await scan(["--git"])]) {
      expect(status).toBe(1);
      expect(stdout).toContain("allowed: sub/old/a.log: not looked at: rotated in May");
      expect(stdout).toMatch(/^found: (\w+:)?sub\/b\.log:1: API_KEY, raw$/m);
    }
  });

  it("that is a shallow clone is not all of the history, and says so", async () => {
    await git("commit", "--quiet", "--allow-empty", "--message", "more");
    await git("clone", "--quiet", "--depth", "1", `file://${shop.dir}`, at("clone"));
    vi.spyOn(process, "cwd").mockReturnValue(at("clone"));
    const { status, stdout } = await scan(["--git"]);
    expect(status).toBe(3);
    expect(stdout).toMatch(/^not checked: the git history: a shallow clone .+fetch-depth: 0/m);
    expect((await scan(["--staged"])).status).toBe(0);
  });

  it("that is a partial clone lacks objects, says so, and fetches none", async () => {
    await git("config", "uploadpack.allowFilter", "true");
    const url = `file://${shop.dir}`;
    await git("clone", "--quiet", "--no-checkout", "--filter=blob:none", url, at("clone"));
    const stored = () => git("-C", at("clone"), "cat-file", "--batch-all-objects", "--batch-check");
    const before = await stored();
    vi.spyOn(process, "cwd").mockReturnValue(at("clone"));
    const { status, stdout } = await scan(["--git"]);
    expect(status).toBe(3);
    expect(stdout).toMatch(/^not checked: the git history: a partial clone .+--no-filter/m);
    expect(await stored()).toBe(before);
  });

  it("shows a value in its own configuration, and warns of a login there", async () => {
    const token = ["ghs", "k7Qw9zXp2LmN4vRtB8sD1fGhJ5cY3eW6uA0i"].join("_");
    await git("config", "remote.origin.url", "ssh://git@host.example/bots.git");
    expect((await scan(["--git"])).stdout).not.toContain("warning:");

    const basic = Buffer.from(`x-access-token:${token}`).toString("base64");
    await git("config", "http.https://host.example/.extraheader", `AUTHORIZATION: basic ${basic}`);
    await git("config", "remote.origin.url", "https://bots:hunter22-hunter@host.example/bots.git");
    const warned = await scan(["--git"]);
    expect(warned.status).toBe(0);
    expect(warned.stdout).toMatch(/^warning: \.git\/config:\d+: shape:github-token, base64$/m);
    expect(warned.stdout).toMatch(/^warning: \.git\/config:\d+: shape:password-in-url, raw$/m);
    expect(warned.stdout).not.toContain("hunter22");

    await git("config", "remote.origin.pushurl", `https://bots:${VALUE}@host.example/bots.git`);
    const { status, stdout } = await scan(["--git"]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^found: \.git\/config:\d+: API_KEY, raw$/m);
  });

  it("is looked at by the hook for pre-commit, which needs neither bundle nor key", async () => {
    const [hook] = parse(await readFile(join(ROOT, ".pre-commit-hooks.yaml"), "utf8")) as [
      { entry: string; args: string[] },
    ];
    const [program = "", ...args] = [...hook.entry.split(" "), ...hook.args];
    const { PATH = "", HOME = "" } = process.env;
    const answer = async (): Promise<{ code?: number; stdout: string }> =>
      run(join(ROOT, program), args, { cwd: shop.dir, env: { PATH, HOME } }).catch(
        (thrown: unknown) => thrown as never,
      );
    // Of these sources, whatever was built before.
    await run(process.execPath, ["scripts/build.mjs"], { cwd: ROOT });
    expect((await answer()).stdout).toContain("staged: 0 staged files");
    await git("add", "--force", "age.key");
    const { code, stdout } = await answer();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^found: age\.key:\d: shape:/m);
  }, 60_000);

  it("that is none is an error", async () => {
    await rm(at(".git"), { recursive: true });
    const { status, stderr } = await scan(["--git"]);
    expect(status).toBe(2);
    expect(stderr).toContain("is it a git repository");
  });
});
