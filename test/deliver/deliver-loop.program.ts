/** Delivers generation after generation until it is killed. Arguments: path. Says "ready" once one is there. */
import { commit, deliver } from "../../src/deliver/index.ts";
import { loopGeneration } from "./loop.ts";

const [path = ""] = process.argv.slice(2);
const drop = { path, volume: "bot1-secrets" };

for (let n = 0; ; n++) {
  await deliver(drop, loopGeneration(n), []);
  if (n === 0) process.stdout.write("ready\n");
  // Every third one is not committed: then a way back stands on the drop too.
  if (n % 3 !== 0) await commit(drop);
}
