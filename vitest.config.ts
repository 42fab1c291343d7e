import { defineConfig } from "vitest/config";

const filesOf = (...names: readonly string[]): string[] => names.map((name) => `test/e2e/${name}.test.ts`);

/** `npm run test:walks`: of many minutes each, or on engines that have to be fetched first. */
const WALKS = filesOf("crash/engine", "crash/people", "crash/reads", "crash/restart", "crash/unit", "hazards/upgrade");
/** The walk of one container's roll: its main troubles are in the usual tests, all of them among the walks. */
const SOLO = filesOf("crash/solo");
/** They look at the whole engine, and would take another test's stack for a neighbour that nobody knows. */
const ALONE = filesOf("verify/*", "canary", "core-dumps", "doctor");

const endToEnd = {
  // A machine with two cores that runs two stacks or engines at once: what fails twice in a row is not its slowness.
  retry: process.env["CI"] === "true" ? 1 : 0,
  globalSetup: ["test/e2e/setup.ts"],
  testTimeout: 180_000,
  hookTimeout: 300_000,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**"],
          maxWorkers: 2,
          // Some start processes, and a busy machine takes its time for one.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          ...endToEnd,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: [...WALKS, ...ALONE],
          // Most of a test is waiting; each stack is a Compose project of its own.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: { ...endToEnd, name: "e2e-alone", include: ALONE, fileParallelism: false, sequence: { groupOrder: 2 } },
      },
      {
        test: {
          ...endToEnd,
          name: "walks",
          include: [...WALKS, ...SOLO],
          env: { WALK: "all" },
          retry: 0,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
          testTimeout: 1_200_000,
        },
      },
    ],
  },
});
