import { describe, expect, test } from "vitest";
import type { ContainerEvent } from "../../src/docker/port.ts";
import { Hands } from "../../src/roll/hands.ts";

const event = (action: string, container = "a", signal?: string): ContainerEvent => ({
  action,
  container,
  labels: signal === undefined ? {} : { signal },
});

/** As Engine 20.10 tells them; the signal's number stands among the attributes. */
const STOP = [event("kill", "a", "15"), event("die"), event("stop")];
const RESTART = [...STOP, event("start"), event("restart")];

function after(hands: Hands, events: readonly ContainerEvent[]): (string | null)[] {
  return events.map((one) => hands.observe(one));
}

describe("stopped by hand", () => {
  test("docker stop", () => {
    const hands = new Hands();
    after(hands, STOP);
    expect(hands.stoppedByHand("a")).toBe(true);
    expect(hands.stoppedByHand("b")).toBe(false);
  });

  test("known before the exit is seen", () => {
    const hands = new Hands();
    after(hands, STOP.slice(0, 1));
    expect(hands.stoppedByHand("a")).toBe(true);
  });

  test("a stop of ours is none, with the second signal after the grace period too", () => {
    const hands = new Hands();
    hands.expectStop("a");
    after(hands, [event("kill", "a", "15"), event("kill", "a", "9"), event("die"), event("stop")]);
    expect(hands.stoppedByHand("a")).toBe(false);
    after(hands, STOP);
    expect(hands.stoppedByHand("a")).toBe(true);
  });

  test("a crash is none", () => {
    const hands = new Hands();
    after(hands, [event("oom"), event("die")]);
    expect(hands.stoppedByHand("a")).toBe(false);
  });

  test("started again it is none any more", () => {
    const hands = new Hands();
    after(hands, RESTART);
    expect(hands.stoppedByHand("a")).toBe(false);
  });

  test.each(["1", "10", "12"])("a signal that tells it to reload (%s) is no stop", (signal) => {
    const hands = new Hands();
    after(hands, [event("kill", "a", signal)]);
    expect(hands.stoppedByHand("a")).toBe(false);
  });
});

describe("a guarded backup", () => {
  test("is told when it starts, until it is released", () => {
    const hands = new Hands();
    hands.guard("a");
    expect(after(hands, STOP)).toEqual([null, null, null]);
    expect(hands.observe(event("start"))).toBe("a");
    expect(hands.observe(event("start"))).toBe("a");
    expect(hands.observe(event("start", "b"))).toBeNull();
    hands.release("a");
    expect(hands.observe(event("start"))).toBeNull();
  });

  test("is forgotten when it is removed", () => {
    const hands = new Hands();
    hands.guard("a");
    after(hands, [...STOP, event("destroy")]);
    expect(hands.observe(event("start"))).toBeNull();
    expect(hands.stoppedByHand("a")).toBe(false);
  });
});

test("H6: a candidate must not run beside the container that it is to replace, until its turn", () => {
  const hands = new Hands();
  hands.guard("a", "old");
  expect(after(hands, [event("start")])).toEqual(["a"]);
  expect(hands.besideOf("a")).toBe("old");
  hands.release("a");
  expect(after(hands, [event("start")])).toEqual([null]);
});
