/** When what was seen ahead will do, and when it is looked at again. */
import { beforeEach, expect, it } from "vitest";
import { Observer } from "../../src/daemon/observer.ts";
import type { Trouble } from "../roll/fake-session.ts";
import { FakeSession } from "../roll/fake-session.ts";
import { World } from "../roll/world.ts";

const SELF = { id: "f".repeat(64), project: "stack", service: "secrets", drops: [] };

let world: World;
let session: FakeSession;
let observer: Observer;
let trouble: Trouble | null;

beforeEach(async () => {
  trouble = null;
  world = await World.on([{ name: "bot" }]);
  session = new FakeSession(world.engine, () => trouble);
  observer = new Observer(session, SELF, world.clock);
  observer.told(true);
  observer.renew();
});

const listed = (): number => session.calls.filter(({ name }) => name === "list").length;
const bot = () => world.containersOf("bot")[0]!;

/** How often a look lists the containers once something has been seen ahead. */
async function listsAfter(between: () => void, anew = false): Promise<number> {
  await observer.lookAhead();
  between();
  const before = listed();
  await observer.look(anew);
  return listed() - before;
}

it("looks with what was seen ahead, once", async () => {
  expect(await listsAfter(() => undefined)).toBe(0);
  await observer.look(false);
  expect(listed()).toBe(2);
});

it("looks ahead once, however often it is told to", async () => {
  for (let times = 0; times < 3; times++) await observer.lookAhead();
  expect(listed()).toBe(1);
});

const CHANGES: Readonly<Record<string, () => void>> = {
  "the engine has told something"() {
    observer.hear({ action: "die", container: bot().id, labels: {} });
  },
  "it was time to look at all anew"() {
    observer.renew();
  },
  "the engine tells no more"() {
    observer.told(false);
  },
  "the engine told no more for a while"() {
    observer.told(false);
    observer.told(true);
  },
  "a second has passed"() {
    world.clock.time += 1_000;
  },
};

it.each(Object.entries(CHANGES))("looks again where %s since", async (_, between) => {
  expect(await listsAfter(between)).toBe(1);
});

it("looks again where nothing that is known will do, and has then forgotten what was seen ahead", async () => {
  expect(await listsAfter(() => undefined, true)).toBe(1);
  await observer.look(false);
  expect(listed()).toBe(3);
});

it("looks again where something was told while it looked ahead", async () => {
  const ahead = observer.lookAhead();
  observer.hear({ action: "start", container: bot().id, labels: {} });
  await ahead;
  await observer.look(false);
  expect(listed()).toBe(2);
});

it("tells nobody of what went wrong ahead: the look itself does", async () => {
  trouble = "unreachable";
  await observer.lookAhead();
  await expect(observer.look(false)).rejects.toMatchObject({ code: "docker-unreachable" });
  trouble = null;
  expect(await observer.look(false)).toMatchObject({ drops: [] });
});
