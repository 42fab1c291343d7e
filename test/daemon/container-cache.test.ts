/** When a container is inspected again, and when what was seen last will do. Events of a real engine: test/e2e. */
import { beforeEach, expect, it } from "vitest";
import { ContainerCache } from "../../src/daemon/container-cache.ts";
import { FakeSession } from "../roll/fake-session.ts";
import { World } from "../roll/world.ts";

const SERVICES = [{ name: "bot" }];

let world: World;
let session: FakeSession;
let cache: ContainerCache;

beforeEach(async () => {
  world = await World.on(SERVICES);
  session = new FakeSession(world.engine, () => null);
  cache = new ContainerCache(session);
  cache.told(true);
  cache.renew();
});

const bot = () => world.containersOf("bot")[0]!;
const asked = (): number => session.calls.filter(({ name }) => name === "inspect").length;
const event = (action: string) => ({ action, container: bot().id, labels: {} });

async function looks(anew = false): Promise<number> {
  const before = asked();
  await cache.of({ id: bot().id, state: bot().state }, anew);
  return asked() - before;
}

it("inspects a container once, until something happens to it, and keeps none of what it is configured with", async () => {
  expect([await looks(), await looks(), await looks()]).toEqual([1, 0, 0]);
  cache.hear(event("die"));
  expect([await looks(), await looks()]).toEqual([1, 0]);
  expect(await cache.of(bot(), false)).not.toHaveProperty("config");
});

it("inspects it where that is asked for, where the list shows another state, and after a poll", async () => {
  await looks();
  expect([await looks(true), await looks()]).toEqual([1, 0]);
  bot().state = "exited";
  expect([await looks(), await looks()]).toEqual([1, 0]);
  cache.renew();
  expect([await looks(), await looks()]).toEqual([1, 0]);
});

it("keeps nothing while the engine tells nothing, nor until the poll after it tells again", async () => {
  await looks();
  cache.told(false);
  expect([await looks(), await looks()]).toEqual([1, 1]);
  cache.told(true);
  expect([await looks(), await looks()]).toEqual([1, 1]);
  cache.renew();
  expect([await looks(), await looks()]).toEqual([1, 0]);
});

it("does not keep what was asked for before an event and answered after it", async () => {
  const row = { id: bot().id, state: bot().state };
  const pending = cache.of(row, false);
  cache.hear(event("restart"));
  await pending;
  expect(await looks()).toBe(1);
});

it("does not keep a failure", async () => {
  const failing = new ContainerCache({ inspect: () => Promise.reject(new Error("the engine is gone")) });
  failing.told(true);
  failing.renew();
  for (let time = 0; time < 2; time++) {
    await expect(failing.of(bot(), false)).rejects.toThrow("the engine is gone");
  }
});
