/** The name that `set` and `unset` are given. No message repeats an argument: it may be the value. */
import { usage } from "./arguments.ts";

const VALUE_HINT =
  "give it on stdin, or at the prompt: sidecrypt set NAME; where it was a real one, replace it at its issuer";

export function onlyName([name, ...rest]: readonly string[], command: "set" | "unset"): string {
  if (name === undefined) throw usage(`${command}: name the secret`, command);
  if (command === "set" && (rest.length > 0 || name.includes("="))) {
    throw usage(
      "set takes no value as an argument: it would stand in the shell's history and in the process list",
      command,
      VALUE_HINT,
    );
  }
  if (rest.length > 0) throw usage("unset takes one name", command);
  if (!/^[A-Za-z_][\w.-]*$/.test(name)) {
    const message = "that is no name of a secret: letters, digits, _, . and -, a letter or _ first";
    throw usage(`${command}: ${message}`, command);
  }
  return name;
}
