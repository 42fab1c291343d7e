import { expect, test } from "vitest";
import { debounce } from "../../src/source/debounce.ts";
import { HandClock } from "./folders.ts";

function setUp(fire: () => Promise<void> = () => Promise.resolve()) {
  const clock = new HandClock();
  const stop = new AbortController();
  const fired: number[] = [];
  const trigger = debounce({
    clock,
    quietMs: 100,
    maxWaitMs: 1000,
    signal: stop.signal,
    fire: () => {
      fired.push(clock.now());
      return fire();
    },
  });
  return { clock, stop, fired, trigger };
}

test("one event fires once, after the quiet window", async () => {
  const { clock, fired, trigger } = setUp();
  trigger();
  await clock.advance(99);
  expect(fired).toEqual([]);
  await clock.advance(5000);
  expect(fired).toEqual([100]);
});

test("the quiet counts from the last event, of which one change makes several", async () => {
  const { clock, fired, trigger } = setUp();
  trigger();
  await clock.advance(1);
  trigger();
  await clock.advance(5000);
  expect(fired).toEqual([101]);
});

test("H46: fifty events in a second make one call", async () => {
  const { clock, fired, trigger } = setUp();
  for (let n = 0; n < 50; n++) {
    trigger();
    await clock.advance(15);
  }
  await clock.advance(5000);
  expect(fired).toHaveLength(1);
});

test("events that never end do not put it off for ever", async () => {
  const { clock, fired, trigger } = setUp();
  for (let n = 0; n < 60; n++) {
    trigger();
    await clock.advance(50);
  }
  expect(fired.slice(0, 2)).toEqual([1000, 2000]);
});

test("an event during the call makes another", async () => {
  let release: () => void = () => undefined;
  const { clock, fired, trigger } = setUp(() => new Promise((resolve) => (release = resolve)));
  trigger();
  await clock.advance(100);
  trigger();
  release();
  await clock.advance(0);
  await clock.advance(100);
  expect(fired).toEqual([100, 200]);
});

test("nothing fires after the end", async () => {
  const { clock, stop, fired, trigger } = setUp();
  trigger();
  stop.abort();
  await clock.advance(5000);
  expect(fired).toEqual([]);
});
