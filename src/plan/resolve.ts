/** Labels against the names of one bundle → the files that a container asks for. */
import type { Fault } from "../types.ts";
import { nearest } from "../near.ts";
import { faultOf, listOf } from "./faults.ts";
import type { ConsumerLabels } from "./labels.ts";
import { fileNameOf, isFileName, selectNames } from "./select.ts";
import type { Request } from "./stack.ts";

/** File name to the secret's name in the bundle. */
export type Asks = ReadonlyMap<string, string>;

/** As much as the bundle has: faults are looked for where they are told. */
export function asksOf({ patterns, stripPrefix }: ConsumerLabels, available: Iterable<string>): Asks {
  const { names } = selectNames(patterns, available);
  return new Map(names.map((name) => [fileNameOf(name, stripPrefix), name]));
}

/** Over all its containers; where two mean different secrets by one file name, the newest is right. */
export function asksOfService({ asking }: Request, available: readonly string[]): Asks {
  return new Map(asking.flatMap(({ labels }) => [...asksOf(labels, available)]));
}

/** What is wrong with a request against this bundle; `where` names the bundle in messages. */
export function requestFault(request: Request, available: readonly string[], where: string): Fault | null {
  const { service, deciding } = request;
  const { names, missing } = selectNames(deciding.labels.patterns, available);
  return (
    missingFault(service, missing, available, where) ??
    fileFault(service, names, deciding.labels.stripPrefix) ??
    shadowFault(request, asksOf(deciding.labels, available))
  );
}

function missingFault(service: string, missing: readonly string[], available: readonly string[], where: string) {
  if (missing.length === 0) return null;
  const message = `service ${service} asks for ${listOf(missing)}, which matches no name in ${where}`;
  const meant = missing.map((text) => nearest(text, available)).find((name) => name !== null);
  const question = meant === undefined ? "" : `did you mean ${meant}? `;
  return faultOf("secret-missing", service, message, `${question}a trailing ? makes a name optional`);
}

function fileFault(service: string, names: readonly string[], stripPrefix: string): Fault | null {
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
  return null;
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
