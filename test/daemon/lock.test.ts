import { expect, test } from "vitest";
import { Lock } from "../../src/daemon/lock.ts";

test("one holder at a time, in order of asking, also after one that failed", async () => {
  const lock = new Lock();
  const said: string[] = [];
  const work = (name: string, ticks: number) => async (): Promise<string> => {
    said.push(`${name} in`);
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
    said.push(`${name} out`);
    if (name === "b") throw new Error("b failed");
    return name;
  };
  const results = await Promise.allSettled([lock.run(work("a", 9)), lock.run(work("b", 3)), lock.run(work("c", 0))]);
  expect(said).toEqual(["a in", "a out", "b in", "b out", "c in", "c out"]);
  expect(results.map((one) => one.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});
