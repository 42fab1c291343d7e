/**
 * A process with a secret in its environment and in its memory: `MODE WHAT`. MODE `plain` is Node as it comes,
 * `hardened` as main.ts makes it.
 */
import { describeCrash } from "../src/frames.ts";
import { harden } from "../src/harden.ts";

const [mode, what] = process.argv.slice(2);

if (mode === "hardened") {
  harden();
  process.on("uncaughtException", (thrown) => {
    process.stderr.write(describeCrash(thrown));
    process.exit(70);
  });
}
// What a signal does is done by then.
if (what === "wait") setTimeout(() => process.exit(0), 2_000);
if (what === "throw") JSON.parse(`{"token": "${process.env["CANARY"] ?? ""}`.replace("{", "x"));
if (what === "frame") throw new Error(`first line\n    at ${process.env["CANARY"] ?? ""} (/a/b.ts:1:1)`);
process.stdout.write("ready\n");
