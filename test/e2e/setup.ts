/**
 * Once before all end-to-end tests: an engine, Compose and the images, by the script that the README's commands call.
 * Where there is no engine and none can be had, the script says why and nothing runs: no test is ever skipped.
 */
import { prepare } from "./harness/prepare.ts";

/** Whoever runs the tests on another engine has put the images there: E2E_PREPARED=1. */
export default async function setup(): Promise<void> {
  if (process.env["E2E_PREPARED"] !== "1") await prepare();
}
