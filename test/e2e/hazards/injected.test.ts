/** H17: what Compose puts into a container itself, and what a bot leaves in its own layer, told apart and treated so. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { bot, type Definition } from "../harness/model.ts";
import { composeVerdicts } from "../harness/replace.ts";
import { Stack } from "../harness/stack.ts";
import { randomValue } from "../harness/values.ts";

const FROM_ENVIRONMENT = `first\nsecond ${randomValue()}`;
const settle = { "sidecrypt.settle": "300ms" };
const CONTENT = "line one\n  line two\n";

/** Without a user of its own: the owner that stands in Compose's tar is the owner of the file. */
const owner: Definition = {
  image: "sidecrypt-redis",
  entrypoint: ["sleep", "infinity"],
  init: true,
  healthcheck: { disable: true },
  labels: { "sidecrypt.secrets": "OWNER_KEY", ...settle },
  drop: { gid: 0 },
  configs: [
    { source: "inline", target: "/etc/new/directory/inline.conf", uid: "1234", gid: "4321", mode: 0o440 },
    { source: "inline" },
    { source: "account", target: "/etc/issue" },
    { source: "variable", target: "/tmp/variable" },
  ],
  secrets: [{ source: "password", target: "/etc/password", mode: 0o400 }],
};

const readOnly = bot("LOCKED_KEY", { read_only: true, tmpfs: ["/tmp:mode=1777"] });

let stack: Stack;

beforeAll(async () => {
  stack = await Stack.create({
    secrets: { OWNER_KEY: randomValue(), LOCKED_KEY: randomValue() },
    services: { owner, locked: readOnly },
    more: {
      configs: {
        inline: { content: CONTENT },
        account: { content: "replaced\n" },
        variable: { environment: "SC_FROM_ENVIRONMENT" },
      },
      secrets: { password: { environment: "SC_FROM_ENVIRONMENT" } },
    },
  });
  stack.setEnvironment("SC_FROM_ENVIRONMENT", FROM_ENVIRONMENT);
  await stack.up();
  await stack.waitCommitted();
});

afterAll(() => stack.down());

const INJECTED = ["/etc/issue", "/etc/new/directory/inline.conf", "/etc/password", "/inline", "/tmp/variable"];

/** Content, owner and mode of each. */
async function injected(): Promise<string> {
  const script = `for f in ${INJECTED.join(" ")}; do stat -c "%n %a %u %g %s" $f; sha256sum < $f; done; ls -ld /etc/new`;
  const { code, stdout, stderr } = await stack.exec("owner", "sh", "-c", script);
  if (code !== 0) throw new Error(stderr);
  return stdout.replace(/ \w+ +\d+ \d\d:\d\d /g, " ");
}

async function roll(name: string): Promise<void> {
  await stack.bundle.set({ [name]: randomValue() });
  await stack.waitCommitted();
}

test("H17: injected files are carried, byte for byte, with owner and mode, by each roll and over a restart by hand", async () => {
  const first = await injected();
  expect(first).toContain("/etc/new/directory/inline.conf 440 1234 4321 20");
  const ids = new Set([(await stack.inspect("owner")).Id]);

  for (const round of [1, 2, 3]) {
    if (round === 2) await stack.engine.docker("restart", (await stack.inspect("owner")).Id);
    await roll("OWNER_KEY");
    ids.add((await stack.inspect("owner")).Id);
    expect(await injected(), `after roll ${round}`).toBe(first);
  }

  expect(ids.size).toBe(4);
  expect((await stack.exec("owner", "cat", "/tmp/variable")).stdout).toBe(FROM_ENVIRONMENT);
  expect((await stack.exec("owner", "cat", "/inline")).stdout).toBe(CONTENT);
  const carried = (await stack.log()).filter((line) => line.event === "files-carried");
  expect(carried.map((line) => line["paths"])).toEqual([INJECTED, INJECTED, INJECTED]);
});

test("H17: a bot's own files are named by plan, and by the log before the old container is removed, and not carried", async () => {
  await stack.exec("owner", "sh", "-c", "mkdir /app && echo data > /app/trades.sqlite && echo x > /tmp/scratch");
  const old = await stack.inspect("owner");
  const { stdout: plan } = await stack.sidecrypt("plan");

  await roll("OWNER_KEY");

  const log = await stack.log();
  const named = `${old.Name.slice(1)} has files that only its own layer holds: /app/trades.sqlite. A replacement loses them: put them on a volume, or set the label sidecrypt.on-change: restart`;
  const events = log.filter((line) => JSON.stringify(line).includes("trades.sqlite"));
  expect(plan).toContain(`warning owner: ${named}`);
  expect(events).toMatchObject([{ event: "files-left-behind", paths: ["/app/trades.sqlite"], count: 1 }]);
  expect(log.indexOf(events[0]!)).toBeLessThan(log.findLastIndex((line) => line.event === "roll-committed"));
  expect((await stack.exec("owner", "ls", "/app/trades.sqlite")).code).not.toBe(0);
  expect(await injected()).toContain("/etc/password 400");
});

test("H17: a read-only root has nothing to carry and rolls", async () => {
  await roll("LOCKED_KEY");
  const log = await stack.log();
  const { Name } = await stack.inspect("locked");
  expect(log.filter((line) => line["container"] === Name.slice(1) && line.event.startsWith("files-"))).toEqual([]);
});

test("H17, H37: docker compose up afterwards leaves all of them alone", async () => {
  expect(await composeVerdicts(stack)).toMatchObject({ owner: "Running", locked: "Running" });
});
