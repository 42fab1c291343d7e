/** Who can read the files of a drop, and who cannot. */
import { expect, test } from "vitest";
import { useStack } from "./harness/fixture.ts";
import { bot, redis } from "./harness/model.ts";
import { masked } from "./harness/stack.ts";
import { randomValue } from "./harness/values.ts";

const secrets = { ROOT_API_KEY: randomValue(), USER_API_KEY: randomValue(), REDIS_PASSWORD: randomValue() };

const stackOf = useStack({
  secrets,
  services: {
    root: bot("ROOT_API_KEY", { user: "0:0", drop: { gid: 0 } }),
    user: bot("USER_API_KEY"),
    redis: redis(),
  },
});

const CASES = [
  { service: "root", name: "ROOT_API_KEY", reader: "0:0", group: 0 },
  { service: "user", name: "USER_API_KEY", reader: "1000:1000", group: 1000 },
  { service: "redis", name: "REDIS_PASSWORD", reader: "999:999", group: 999 },
] as const;

async function read(service: string, user: string, name: string) {
  const { Id } = await stackOf().inspect(service);
  return stackOf().engine.tryDocker("exec", "--user", user, Id, "cat", `/run/secrets/${name}`);
}

test.each(CASES)(
  "the process of $service, which is $reader, must read its secret",
  async ({ service, name, reader }) => {
    expect(await read(service, reader, name)).toMatchObject({ code: 0, stdout: secrets[name] });
  },
);

test("each process must have read its secret by itself", async () => {
  const stack = stackOf();
  expect(await stack.bot("root")).toMatchObject({ apiKey: masked(secrets.ROOT_API_KEY) });
  expect(await stack.bot("user")).toMatchObject({ apiKey: masked(secrets.USER_API_KEY) });
  const { stdout } = await stack.engine.tryDocker("top", (await stack.inspect("redis")).Id, "-eo", "pid,uid,args");
  expect(stdout).toMatch(/^\s*\d+\s+999\s+redis-server/m);
  expect(await stack.exec("redis", "redis-entrypoint", "health")).toMatchObject({ code: 0 });
});

test.each(CASES)(
  "no other user and no other group must read the secret of $service",
  async ({ service, name, group }) => {
    for (const user of ["4242:4242", "65534:65534", `1000:${group === 1000 ? 4242 : 1000}`]) {
      const found = await read(service, user, name);
      expect([user, found.code, found.stdout]).toEqual([user, 1, ""]);
      expect(found.stderr).toContain("Permission denied");
    }
  },
);

test.each(CASES)(
  "the file of $service must be read-only, for root and one group, in a directory of that group",
  async ({ service, name, group }) => {
    const stack = stackOf();
    const { Id } = await stack.inspect(service);
    const stat = async (path: string): Promise<string> =>
      (await stack.engine.docker("exec", "--user", "0:0", Id, "stat", "-L", "-c", "%u:%g %a", path)).trim();

    expect(await stat(`/run/secrets/${name}`)).toBe(`0:${group} 440`);
    expect(await stat("/run/secrets")).toBe(`0:${group} 2750`);
    const write = await stack.engine.tryDocker("exec", "--user", "0:0", Id, "sh", "-c", "echo x > /run/secrets/x");
    expect(write.stderr).toMatch(/read-only/i);
  },
);
