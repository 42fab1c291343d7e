import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generationId } from "../../src/plan/index.ts";
import { isCurrent, START_MARGIN_MS } from "../../src/plan/member.ts";
import { at, BOOT, container, delivered, drop } from "./builders.ts";

const key = new Uint8Array(32).fill(1);
const files = (entries: Record<string, string>) =>
  new Map(Object.entries(entries).map(([name, value]) => [name, Buffer.from(value)]));

describe("generation ids", () => {
  it("are 32 hex characters of an HMAC over length-prefixed names and values", () => {
    const part = (text: string): string => `${String.fromCharCode(0, 0, 0, text.length)}${text}`;
    const encoded = `sidecrypt generation\0${part("A")}${part("1")}${part("B")}${part("22")}`;
    const expected = createHmac("sha256", key).update(encoded).digest("hex").slice(0, 32);
    expect(generationId(files({ B: "22", A: "1" }), key)).toBe(expected);
  });

  it("do not depend on the order", () => {
    expect(generationId(files({ A: "1", B: "2" }), key)).toBe(generationId(files({ B: "2", A: "1" }), key));
  });

  it("cannot be told without the key", () => {
    expect(generationId(files({ A: "1" }), key)).not.toBe(generationId(files({ A: "1" }), new Uint8Array(32)));
  });

  it("differ for any two different sets", () => {
    const sets = fc.dictionary(fc.string({ maxLength: 3 }), fc.string({ maxLength: 3 }), { maxKeys: 3 });
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        const same = JSON.stringify(Object.entries(a).toSorted()) === JSON.stringify(Object.entries(b).toSorted());
        expect(generationId(files(a), key) === generationId(files(b), key)).toBe(same);
      }),
    );
  });

  it.each([
    [{ AB: "" }, { A: "B" }],
    [{ A: "1", B: "2" }, { A: "1B2" }],
    [{}, { "": "" }],
  ])("keep %j and %j apart", (a, b) => {
    expect(generationId(files(a as Record<string, string>), key)).not.toBe(
      generationId(files(b as Record<string, string>), key),
    );
  });
});

describe("current is what a container has seen", () => {
  const bot = container("bot1", { secrets: "A" });
  const on = (deliveredAt: number, seen: object[] = []) =>
    drop("bot1-secrets", { current: delivered({ A: "1" }, "g1", deliveredAt), seen: seen as never });
  const entry = { container: bot.id, startedAt: at(BOOT), generation: "g1" };

  it.each([
    ["it started after the delivery", on(BOOT - START_MARGIN_MS), true],
    ["it started too shortly after the delivery", on(BOOT - START_MARGIN_MS + 1), false],
    ["it started before the delivery", on(BOOT + 1), false],
    ["it has seen it", on(BOOT + 1, [entry]), true],
    ["it has seen it at another start", on(BOOT + 1, [{ ...entry, startedAt: at(BOOT - 1) }]), false],
    ["another has seen it", on(BOOT + 1, [{ ...entry, container: "x" }]), false],
    ["it has seen another", on(BOOT + 1, [{ ...entry, generation: "g0" }]), false],
    ["nothing is delivered", drop("bot1-secrets"), false],
  ])("%s", (_, dropped, current) => {
    expect(isCurrent(bot, dropped, "g1")).toBe(current);
  });

  it("reads Docker's nanoseconds", () => {
    const late = { ...bot, startedAt: "2026-01-01T00:00:00.300000001Z" };
    expect(isCurrent(late, on(BOOT), "g1")).toBe(true);
    expect(isCurrent({ ...bot, startedAt: "2026-01-01T02:00:00.123456789+02:00" }, on(BOOT), "g1")).toBe(false);
  });

  it("a later start is not current on an older wanted id", () => {
    expect(isCurrent(bot, on(BOOT - 1000), "g2")).toBe(false);
  });

  it("a container that never started has seen nothing", () => {
    expect(isCurrent(container("bot1", { state: "created" }), on(0), "g1")).toBe(false);
  });
});
