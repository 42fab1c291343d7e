import { defineConfig } from "vitest/config";

/** Of many minutes each: `npm run test:walks`. The walk of one container's roll is in the usual tests. */
const WALKS = ["engine", "people", "unit"].map((name) => `test/e2e/crash/${name}.test.ts`);

export default defineConfig({
  test: {
    projects: [
      {
        test: { name: "unit", include: ["test/**/*.test.ts"], exclude: ["test/e2e/**"] },
      },
      {
        test: {
          name: "walks",
          include: WALKS,
          globalSetup: ["test/e2e/setup.ts"],
          fileParallelism: false,
          testTimeout: 1_200_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: WALKS,
          // A machine with two cores that runs two engines at once: what fails twice in a row is not its slowness.
          retry: process.env["CI"] === "true" ? 1 : 0,
          globalSetup: ["test/e2e/setup.ts"],
          // Most of a test is waiting; each stack is a Compose project of its own.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
