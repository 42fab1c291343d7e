/**
 * One container's roll, walked on the real engine: at each of its calls the sidecar dies, or the engine refuses, loses
 * the answer or hangs (recreate.md §5, H40, H41, H47, H48).
 */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Trouble } from "../harness/proxy.ts";
import { SIDECAR } from "../harness/stack.ts";
import { GOOD, stepsOf, Walker, walkAll } from "../harness/walk.ts";

// Hundreds of steps, shared among the stacks.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 300_000 });

const SERVICES = [{ name: "bot", refuses: "bad-", isInjected: true }];
const BAD = "bad-";
const STACKS = 4;

let walkers: readonly Walker[] = [];

beforeAll(async () => {
  walkers = await Promise.all(Array.from({ length: STACKS }, () => Walker.start(SERVICES)));
});

afterAll(() => Promise.all(walkers.map((one) => one.close())));

test("H45: a sidecar that carries a consumer's label does not touch itself", async () => {
  const { stack } = walkers[0]!;
  const before = await stack.inspect(SIDECAR);
  await walkers[0]!.count(GOOD, "changes");
  const after = await stack.inspect(SIDECAR);
  expect(after.Id).toBe(before.Id);
  expect(after.State.StartedAt).toBe(before.State.StartedAt);
});

type Body = Readonly<Record<string, unknown>> & { readonly HostConfig: Readonly<Record<string, unknown>> };

/** What an engine, or what stands before it, may make of a copy. */
const ALTERED: readonly (readonly [string, string, (body: Body) => object])[] = [
  ["without its environment", "Config.Env", (body) => ({ ...body, Env: [] })],
  [
    "with one more mount",
    "Mounts./added",
    (body) => ({ ...body, HostConfig: { ...body.HostConfig, Binds: ["/tmp:/added:ro"] } }),
  ],
  [
    "with another restart policy",
    "HostConfig.RestartPolicy.Name",
    (body) => ({ ...body, HostConfig: { ...body.HostConfig, RestartPolicy: { Name: "always" } } }),
  ],
];

test.each(ALTERED)(
  "H40: a copy that the engine makes %s must be taken away before the old one is touched, and %s be named",
  async (_made, path, alter) => {
    const [walker] = walkers as [Walker];
    const { stack, proxy } = walker;
    const before = await stack.lives();
    proxy.alter = (call, body) =>
      call === "POST create" ? Buffer.from(JSON.stringify(alter(JSON.parse(body.toString()) as Body))) : body;

    await walker.begin({ n: Infinity, trouble: "500", among: "changes", prefix: GOOD });
    await walker.rest();
    proxy.alter = (_, body) => body;

    // Filled before it is compared: with what Compose has put into the old one.
    expect(proxy.calls).toEqual(["POST create", "PUT archive", "DELETE container"]);
    expect(await stack.lives()).toEqual(before);
    expect((await stack.consumer("bot")).state).toBe("quarantined");
    const said = (await stack.log()).filter(({ event }) => event === "rolled-back").at(-1);
    expect(said).toMatchObject({ code: "roll-unfaithful" });
    expect(said?.["message"]).toMatch(/^the copy of container \S+ differs from it at .*: nothing was touched$/);
    expect(said?.["message"]).toContain(path);
    await walker.renew();
  },
);

/** One of each kind: killed, refused, its answer lost, left waiting. */
const MAIN: readonly Trouble[] = ["kill-before", "500", "drop-after", "hang-after"];
const OTHERS: readonly Trouble[] = ["kill-after", "409", "drop-before", "hang-before"];
/** All of them with `npm run test:walks`. */
const TROUBLES = process.env["WALK"] === "all" ? [...MAIN, ...OTHERS] : MAIN;

test.each([
  ["passes", GOOD],
  ["fails", BAD],
])("H40, H41, H47, H48: a roll whose gate %s, with trouble at each call that changes something", async (_, prefix) => {
  const count = await walkers[0]!.count(prefix, "changes");
  const steps = stepsOf(count, TROUBLES, { among: "changes", prefix });
  expect(await walkAll(walkers, steps)).toEqual([]);
  expect(count).toBeGreaterThanOrEqual(prefix === GOOD ? 8 : 13);
});
