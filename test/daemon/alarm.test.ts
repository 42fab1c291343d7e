import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { Alarm } from "../../src/daemon/alarm.ts";

/** Jumps to the end of each sleep, unless it is cut short. */
function jumpingClock(): Clock & { slept: number[] } {
  let now = 1_000;
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    sleep: async (ms, signal) => {
      await Promise.resolve();
      if (signal?.aborted === true) return;
      slept.push(ms);
      now += ms;
    },
  };
}

const never = new AbortController().signal;

describe("alarm", () => {
  test("the earliest of several signals counts", async () => {
    const clock = jumpingClock();
    const alarm = new Alarm(clock);
    alarm.in(500);
    alarm.in(20);
    alarm.in(900);
    await alarm.wait(never);
    expect(clock.now()).toBe(1_020);
  });

  test("what was waited for is not due again", async () => {
    const clock = jumpingClock();
    const alarm = new Alarm(clock);
    alarm.in(20);
    await alarm.wait(never);
    const stop = new AbortController();
    const waited = alarm.wait(stop.signal);
    stop.abort();
    await waited;
    alarm.in(500);
    await alarm.wait(never);
    expect(clock.slept).toEqual([20, 500]);
  });

  test("what becomes due is kept where the wait for it was cut short", async () => {
    const clock = jumpingClock();
    const alarm = new Alarm(clock);
    alarm.in(0);
    await alarm.wait(AbortSignal.abort());
    await alarm.wait(never);
    expect(clock.now()).toBe(1_000);
    expect(clock.slept).toEqual([]);
  });

  test("a signal during the wait cuts it short", async () => {
    const clock: Clock = {
      now: () => 0,
      sleep: (_ms, signal) =>
        new Promise((resolve) => {
          signal?.addEventListener("abort", () => {
            resolve();
          });
        }),
    };
    const alarm = new Alarm(clock);
    alarm.in(50_000);
    const waited = alarm.wait(never);
    alarm.in(0);
    await waited;
  });

  test("a long wait is slept in pieces", async () => {
    const clock = jumpingClock();
    const alarm = new Alarm(clock);
    alarm.in(150_000);
    await alarm.wait(never);
    expect(clock.slept).toEqual([60_000, 60_000, 30_000]);
  });
});
