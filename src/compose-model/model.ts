/**
 * The rendered Compose model: what `docker compose config --format json` prints, parsed once at the edge. Fields that
 * nobody decides by pass through, so that a model can be given back to Compose.
 */
import * as z from "zod";
import { SidecryptError } from "../errors.ts";

/** Compose writes `null` for what is not given. */
const absent = <T>(value: T | null | undefined): T | undefined => value ?? undefined;
const strings = z.array(z.string()).nullish().transform(absent);
/** Numbers and booleans are not always quoted. */
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const record = z.record(z.string(), scalar).nullish().transform(absent);
const words = z
  .union([z.string(), z.array(z.string())])
  .nullish()
  .transform((value) => (typeof value === "string" ? [value] : absent(value)));

const mount = z.looseObject({
  type: z.string(),
  source: z.string().optional(),
  target: z.string(),
  read_only: z.boolean().optional(),
  volume: z.looseObject({ nocopy: z.boolean().optional() }).nullish().transform(absent),
});

const injected = z
  .array(z.looseObject({ source: z.string(), target: z.string().optional() }))
  .nullish()
  .transform(absent);

const service = z.looseObject({
  image: z.string().nullish().transform(absent),
  build: z.looseObject({ args: record }).nullish().transform(absent),
  user: z.string().nullish().transform(absent),
  group_add: z
    .array(z.union([z.string(), z.number()]))
    .nullish()
    .transform(absent),
  cap_add: strings,
  cap_drop: strings,
  environment: record,
  labels: record,
  command: words,
  entrypoint: words,
  healthcheck: z.looseObject({ test: words, disable: z.boolean().optional() }).nullish().transform(absent),
  restart: z.string().nullish().transform(absent),
  stop_grace_period: z.string().nullish().transform(absent),
  depends_on: z
    .record(z.string(), z.looseObject({ condition: z.string().optional() }))
    .nullish()
    .transform(absent),
  volumes: z.array(mount).nullish().transform(absent),
  tmpfs: words,
  secrets: injected,
  configs: injected,
  network_mode: z.string().nullish().transform(absent),
});

const defined = z.looseObject({
  name: z.string().optional(),
  external: z.boolean().optional(),
  driver: z.string().optional(),
  driver_opts: record,
});
const volume = defined.nullish().transform((value): Partial<z.output<typeof defined>> => value ?? {});

const source = z.looseObject({ name: z.string().optional(), file: z.string().optional() });
const network = z.looseObject({ name: z.string().optional(), external: z.boolean().optional() }).nullish();

function section<T extends z.ZodType>(entry: T) {
  return z
    .record(z.string(), entry)
    .nullish()
    .transform((value): Readonly<Record<string, z.output<T>>> => value ?? {});
}

const schema = z.looseObject({
  name: z.string(),
  services: section(service),
  volumes: section(volume),
  networks: section(network),
  secrets: section(source.extend({ environment: z.string().optional() })),
  configs: section(source.extend({ environment: z.string().optional(), content: z.string().optional() })),
});

export type ComposeModel = z.output<typeof schema>;
export type ComposeService = z.output<typeof service>;
export type ComposeVolume = z.output<typeof volume>;
export type ComposeMount = z.output<typeof mount>;

/** @throws SidecryptError `config-invalid`, naming the field: neither JSON.parse nor zod may repeat what stands there. */
export function parseModel(text: string): ComposeModel {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid("it is not JSON");
  }
  const result = schema.safeParse(parsed);
  if (result.success) return result.data;
  throw invalid(`not at ${result.error.issues[0]?.path.join(".") ?? "its top"}`);
}

function invalid(why: string): SidecryptError {
  const message = `this is not a rendered Compose model: ${why}`;
  return new SidecryptError("config-invalid", message, "docker compose config --format json");
}

/** What stands for a `$` in a rendered model, so that it can be rendered again. */
export const unescaped = (text: string): string => text.replaceAll("$$", "$");
