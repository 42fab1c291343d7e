/** A stack for a file or for one test: brought up, looked at when a test fails, and taken down. */
import { writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, onTestFinished } from "vitest";
import type { Engine } from "./engine.ts";
import type { EventLog } from "./events.ts";
import type { StackDefinition } from "./model.ts";
import { Stack } from "./stack.ts";

const keepFailed = process.env["E2E_KEEP_FAILED"] === "1";
const STDERR = 2;

/**
 * For the tests of one file. The returned function gives the stack once it is up.
 * @param engine - asked for once the hooks before this one have run; else the main one
 */
export function useStack(definition: StackDefinition, engine: () => Engine | undefined = () => undefined): () => Stack {
  let stack: Stack | null = null;
  let failed = false;
  beforeAll(async () => {
    stack = await Stack.create(definition, engine());
    await stack.up().catch(async (thrown: unknown) => {
      failed = true;
      await print(stack);
      throw thrown;
    });
  });
  afterEach(async ({ task }) => {
    if (task.result?.state !== "fail") return;
    failed = true;
    await print(stack);
  });
  afterAll(() => takeDown(stack, failed));
  return () => {
    if (stack === null) throw new Error("the stack is not there");
    return stack;
  };
}

/** For one test that needs a stack of its own; nothing of it is started yet. */
export async function withStack(
  definition: StackDefinition,
  body: (stack: Stack) => Promise<void>,
  engine?: Engine,
): Promise<void> {
  const stack = await Stack.create(definition, engine);
  let failed = true;
  try {
    await body(stack);
    failed = false;
  } finally {
    if (failed) await print(stack);
    await takeDown(stack, failed);
  }
}

/** What the engine reports of a stack, to the end of the test. */
export function watch(stack: Stack): EventLog {
  const events = stack.events();
  onTestFinished(() => {
    events.close();
  });
  return events;
}

async function takeDown(stack: Stack | null, failed: boolean): Promise<void> {
  if (stack === null) return;
  if (failed && keepFailed) writeFileSync(STDERR, `kept: ${stack.project} in ${stack.directory}\n`);
  else await stack.down();
}

async function print(stack: Stack | null): Promise<void> {
  if (stack !== null) writeFileSync(STDERR, `${await stack.report()}\n`);
}
