/**
 * npm run demo           brings up a stack on the local engine and shows what sidecrypt does, measured
 * npm run demo -- down   takes it away again
 */
import { Events, PROJECT } from "./demo/engine.ts";
import { prepare, readValues, WORK } from "./demo/files.ts";
import { failure, line, note, step } from "./demo/print.ts";
import { expect, Failure, tryRun } from "./demo/run.ts";
import { down, sidecarLog, useLocalEngine } from "./demo/stack.ts";
import { Story } from "./demo/story.ts";
import { Values } from "./demo/values.ts";

const LOG_LINES = 30;

async function demo(): Promise<void> {
  line("sidecrypt: the demo. Every line with a ✓ was measured just now; the first that does not hold ends it.");
  step("An engine, Compose, and the three images (scripts/setup.sh)");
  const { code } = await tryRun("bash", ["scripts/setup.sh"], { shown: true });
  expect(code === 0, "scripts/setup.sh finds or makes what the demo needs");
  await useLocalEngine();
  await down();
  await prepare();
  const events = new Events();
  try {
    await new Story(new Values(await readValues()), events).tell();
  } catch (thrown) {
    failure(thrown instanceof Failure ? thrown.message : String(thrown));
    line(`\nthe sidecar's last lines:\n${await sidecarLog(LOG_LINES)}`);
    line("The stack is left as it is. To take it away: npm run demo -- down");
    process.exitCode = 1;
    return;
  } finally {
    events.close();
  }
  farewell();
}

function farewell(): void {
  line();
  line("That was it. The stack still runs, so look around:");
  note(`docker compose -p ${PROJECT} ps`);
  note(`docker compose -p ${PROJECT} exec secrets sidecrypt status`);
  note(`docker compose -p ${PROJECT} logs secrets`);
  note(`docker compose -p ${PROJECT} exec bot1 ls -l /run/secrets/`);
  note(`and its files are compose/demo/compose.yaml and ${WORK}/secrets`);
  line("To stop it, and to remove its volumes and files:");
  note("npm run demo -- down");
}

async function main([argument, ...rest]: readonly string[]): Promise<void> {
  if (argument === undefined) return demo();
  expect(argument === "down" && rest.length === 0, "npm run demo, or npm run demo -- down");
  await useLocalEngine();
  await down();
  line("The demo's containers, volumes, networks and files are gone.");
}

await main(process.argv.slice(2)).catch((thrown: unknown) => {
  failure(thrown instanceof Failure ? thrown.message : String(thrown));
  process.exitCode = 1;
});
