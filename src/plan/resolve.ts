/** What is wrong with a request against one bundle. */
import { toSidecryptError } from "../errors.ts";
import type { Fault, Opened } from "../types.ts";
import { nearest } from "../near.ts";
import { asksOf, type Asks } from "./asks.ts";
import { faultOf, listOf } from "./faults.ts";
import { filesOf, renderedFiles, SCRIPT } from "./files.ts";
import type { ConsumerLabels } from "./labels.ts";
import { Names } from "./names.ts";
import { fileNameOf, isFileName, selectNames } from "./select.ts";
import type { Request } from "./stack.ts";

/** What is wrong with a request against this bundle; `where` names the bundle in messages. */
export function requestFault(request: Request, opened: Opened, where: string): Fault | null {
  const { service, deciding } = request;
  const available = Names.of(opened.secrets);
  const { names, missing } = selectNames(deciding.labels.patterns, available);
  return (
    missingFault(service, missing, available.all, where) ??
    fileFault(service, names, deciding.labels) ??
    shadowFault(request, asksOf(deciding.labels, available)) ??
    renderFault(service, deciding.labels, opened)
  );
}

function missingFault(service: string, missing: readonly string[], available: readonly string[], where: string) {
  if (missing.length === 0) return null;
  const message = `service ${service} asks for ${listOf(missing)}, which matches no name in ${where}`;
  const meant = missing.map((text) => nearest(text, available)).find((name) => name !== null);
  const question = meant === undefined ? "" : `did you mean ${meant}? `;
  return faultOf("secret-missing", service, message, `${question}a trailing ? makes a name optional`);
}

function fileFault(service: string, names: readonly string[], labels: ConsumerLabels): Fault | null {
  const { stripPrefix } = labels;
  const files = new Map<string, string>();
  for (const name of names) {
    const file = fileNameOf(name, stripPrefix);
    const other = files.get(file);
    if (other !== undefined) {
      return faultOf("label-invalid", service, `service ${service}: ${listOf([other, name])} both become file ${file}`);
    }
    if (!isFileName(file)) {
      return faultOf("label-invalid", service, `service ${service}: "${name}" cannot be the name of a file`);
    }
    files.set(file, name);
  }
  for (const [file, origin] of renderedFiles(labels)) {
    const name = files.get(file) ?? (file === SCRIPT ? "the script of every drop" : undefined);
    if (name !== undefined) {
      return faultOf(
        "label-invalid",
        service,
        `service ${service}: ${listOf([origin, name])} both become file ${file}`,
      );
    }
    files.set(file, origin);
  }
  return null;
}

function renderFault(service: string, labels: ConsumerLabels, opened: Opened): Fault | null {
  try {
    filesOf(labels, opened);
    return null;
  } catch (thrown) {
    const { code, message, hint } = toSidecryptError(thrown);
    return faultOf(code, service, `service ${service}: ${message}`, hint);
  }
}

/** It would go on using the old value: the environment of a container is set when it is made. */
function shadowFault({ service, deciding }: Request, asks: Asks): Fault | null {
  const environment = new Set(deciding.container.environmentNames);
  for (const [file, name] of asks) {
    const set = [file, name].find((one) => environment.has(one));
    if (set === undefined) continue;
    const message = `service ${service} sets ${set} in its environment and asks for ${name}`;
    return faultOf("env-shadows-secret", service, message, `take ${set} out of the environment of ${service}`);
  }
  return null;
}
