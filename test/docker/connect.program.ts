/** Connects to the socket of its argument, and says what came of it. */
import { systemClock } from "../../src/clock.ts";
import { connectEngine } from "../../src/docker/engine.ts";
import { toSidecryptError } from "../../src/errors.ts";

const said = await connectEngine(process.argv[2] ?? "", { clock: systemClock, callTimeout: 60_000 }).then(
  () => "connected",
  (thrown: unknown) => toSidecryptError(thrown).code,
);
process.stdout.write(said);
