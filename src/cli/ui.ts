/**
 * The only writer to the terminal. Data goes to stdout; everything that is said goes to stderr with the prefix
 * `sidecrypt: `, in lower case and without a final period. Whatever is written passes the redactor.
 */
import type { SidecryptError } from "../errors.ts";
import { createRedactor, type Redactor } from "../report/redact.ts";
import type { Output } from "./io.ts";

export interface Ui {
  /** A command that opens a bundle tells it the values, so that no defect of ours prints one. */
  readonly redactor: Redactor;
  /** Data, on stdout. */
  out(text: string): void;
  /** A new identity, or what `decrypt` was asked for, on stdout: secrets that are printed on purpose. */
  outSecret(bytes: string | Uint8Array): void;
  /** A bundle: bytes that are not to be changed. */
  outCiphertext(bytes: Uint8Array): void;
  say(text: string): void;
  warn(text: string): void;
  error(error: SidecryptError): void;
  hint(text: string): void;
  /** A question, the cursor left behind it. */
  ask(text: string): void;
  /** The end of a line that was typed unseen. */
  endLine(): void;
}

export function createUi(stdout: Output, stderr: Output): Ui {
  const redactor = createRedactor();
  const clean = (text: string): string => withoutControls(redactor.redact(text));
  const say = (text: string): void => void stderr.write(`sidecrypt: ${clean(text)}\n`);
  const hint = (text: string): void => {
    say(`hint: ${text}`);
  };
  return {
    redactor,
    out: (text) => void stdout.write(`${clean(text.replace(/\n$/, ""))}\n`),
    outSecret: (bytes) => void stdout.write(bytes),
    outCiphertext: (bytes) => void stdout.write(bytes),
    say,
    warn: (text) => {
      say(`warning: ${text}`);
    },
    error: ({ message, hint: next }) => {
      say(`error: ${message}`);
      if (next !== undefined) hint(next);
    },
    hint,
    ask: (text) => void stderr.write(`sidecrypt: ${clean(text)}`),
    endLine: () => void stderr.write("\n"),
  };
}

/** A name out of a label or a file must not steer a terminal. */
function withoutControls(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "?");
}
