/** What the daemon and the commands beside it say to each other over the control socket. */
import * as z from "zod";
import { EXIT_STATUS, SidecryptError, type ErrorCode } from "../errors.ts";
import type { Status } from "../report/status.ts";

export interface ControlHandlers {
  health(): { ok: boolean; reasons: readonly string[] };
  status(): Status;
  plan(): Promise<{ text: string; json: unknown }>;
  /** One service's quarantine, or all of them for null; names the services that will be tried again. */
  retry(service: string | null): Promise<{ cleared: readonly string[] }>;
}

export type Verb = keyof ControlHandlers;
export type Reply<V extends Verb> = Awaited<ReturnType<ControlHandlers[V]>>;

/** The one verb that does something is the one that is not a GET. */
export const METHODS: Readonly<Record<Verb, "GET" | "POST">> = {
  health: "GET",
  status: "GET",
  plan: "GET",
  retry: "POST",
};

export function isVerb(word: string): word is Verb {
  return Object.hasOwn(METHODS, word);
}

/**
 * Both ends are one program in one container, so a reply is checked for being a reply at all, not field by field:
 * a `docker compose up` between the call and the answer can put another version at the other end.
 */
const REPLIES = {
  health: z.object({ ok: z.boolean(), reasons: z.array(z.string()) }),
  status: z.looseObject({ version: z.string(), consumers: z.array(z.unknown()), bundle: z.looseObject({}) }),
  plan: z.object({ text: z.string(), json: z.unknown() }),
  retry: z.object({ cleared: z.array(z.string()) }),
} satisfies Record<Verb, z.ZodType>;

const failure = z.object({
  error: z.object({
    code: z.custom<ErrorCode>((code) => typeof code === "string" && Object.hasOwn(EXIT_STATUS, code)),
    message: z.string(),
    hint: z.string().optional(),
  }),
});

export function encodeError({ code, message, hint }: SidecryptError): string {
  return JSON.stringify({ error: { code, message, hint } });
}

/** A reply's value, or its error thrown. */
export function decodeReply<V extends Verb>(verb: V, text: string): Reply<V> {
  const json = parseJson(text);
  const failed = failure.safeParse(json);
  if (failed.success) {
    const { code, message, hint } = failed.data.error;
    throw new SidecryptError(code, message, hint);
  }
  const parsed = REPLIES[verb].safeParse(json);
  if (parsed.success) return parsed.data as unknown as Reply<V>;
  throw new SidecryptError("daemon-unreachable", "what answers on the control socket is not this version of sidecrypt");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
