/** One roll after the other on the fake engine, each with a trouble at another call. */
import { SidecryptError } from "../../src/errors.ts";
import { type Call, Killed, type Script, type Trouble } from "./fake-session.ts";
import { type Service, Sidecar, World } from "./world.ts";

export interface Walk {
  readonly services: readonly Service[];
  /** What the gates refuse. */
  readonly bad?: string | null;
  /** On what the command of an `exec:` fails. */
  readonly badCommand?: string | null;
  /** On what everybody runs in the end, and runs in a disturbed roll that has a choice. */
  readonly ends: readonly string[];
}

async function worldOf({ services, bad = null, badCommand = null }: Walk): Promise<World> {
  const world = await World.on(services);
  return Object.assign(world, { bad, badCommand });
}

/** What is wrong afterwards, by the call at which the trouble was; empty: nothing ever is. */
export async function walk(given: Walk, trouble: Trouble): Promise<string[]> {
  const undisturbed = await worldOf(given);
  const model = new Sidecar(undisturbed);
  await model.converge();
  const broken = undisturbed.problems(given.ends[0]!);
  const calls = model.session.calls.filter((call) => call.mutates || !trouble.startsWith("kill"));
  for (const call of calls) broken.push(...(await disturbed(given, trouble, call)));
  return calls.length < 8 ? [...broken, `only ${calls.length} calls`] : broken;
}

async function disturbed(given: Walk, trouble: Trouble, { n, name, about }: Call): Promise<string[]> {
  const world = await worldOf(given);
  const script: Script = (call) => (call.n === n ? trouble : null);
  const first = new Sidecar(world, script);
  // A look that is refused ends there, and is taken again by the next one.
  await first.converge().catch((thrown: unknown) => {
    if (!(thrown instanceof Killed || thrown instanceof SidecryptError)) throw thrown;
  });
  const second = new Sidecar(world);
  await second.converge();
  const sides = given.ends.map((version) => world.problems(version));
  if (world.records.all.length > 0) sides.forEach((side) => side.push("a record is left"));
  if (sides.some((problems) => problems.length === 0)) return [];
  const kinds = [...first.outcomes, ...second.outcomes].map((one) => one.kind).join(" ");
  return [`${trouble} at ${n} ${name} ${about}: ${kinds}: ${sides[0]!.join("; ")}`];
}
