/** Which names a bundle may hold (sops.md §11.4): a name becomes a file, and with-secrets exports it. */
import { MAX_NAME_LENGTH } from "./limits.ts";

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Loaders, shells and interpreters run what these say: in a bundle they are an attack or a grave mistake. */
const OBEYED_PREFIXES = ["LD_", "DYLD_", "BASH_FUNC_"];
const OBEYED = new Set([
  "PATH",
  "IFS",
  "ENV",
  "BASH_ENV",
  "SHELLOPTS",
  "BASHOPTS",
  "PS4",
  "PROMPT_COMMAND",
  "GCONV_PATH",
  "GLIBC_TUNABLES",
  "NODE_OPTIONS",
  "NODE_PATH",
  "PYTHONPATH",
  "PYTHONHOME",
  "PYTHONSTARTUP",
  "PERL5LIB",
  "PERL5OPT",
  "RUBYLIB",
  "RUBYOPT",
  "JAVA_TOOL_OPTIONS",
  "JDK_JAVA_OPTIONS",
  "_JAVA_OPTIONS",
]);

export interface NameFault {
  readonly code: "bundle-malformed" | "bundle-unsupported";
  readonly message: string;
  readonly hint: string;
}

/** Null: a name that a bundle may hold. */
export function nameFault(name: string): NameFault | null {
  if (!NAME.test(name) || name.length > MAX_NAME_LENGTH) {
    return { code: "bundle-malformed", message: shapeFault(name), hint: NAME_HINT };
  }
  if (!OBEYED.has(name) && !OBEYED_PREFIXES.some((prefix) => name.startsWith(prefix))) return null;
  return {
    code: "bundle-unsupported",
    message: `${name} is a variable that loaders, shells or interpreters obey`,
    hint: "set it in the service's own environment; a bundle must not decide what a container runs",
  };
}

const NAME_HINT = "a name is letters, digits and underscores, and does not start with a digit";

/** Says what is wrong without the name: a line broken in two makes a "name" out of a value. */
function shapeFault(name: string): string {
  if (name === "") return "the name is empty";
  if (name.length > MAX_NAME_LENGTH) return `the name is longer than ${MAX_NAME_LENGTH} characters`;
  if (name.startsWith("\u00ef\u00bb\u00bf")) return "the file starts with a byte order mark";
  if (/^export\s/.test(name)) return '"export" is not part of SOPS\' dotenv';
  if (/^\s|\s$/.test(name)) return "blanks around the name";
  return "the name has characters that a name cannot have";
}
