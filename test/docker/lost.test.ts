/** Answers of the engine that never come: what was asked for happens once, if it can be seen to have happened. */
import { describe, expect, test } from "vitest";
import type { DockerPort } from "../../src/docker/port.ts";
import { connected, ID, thrownBy } from "./connected.ts";
import type { Answer, Answers, Asked } from "./server.ts";

/** What is asked by a call's method and last word. */
const said = (asked: readonly Asked[]): string[] =>
  asked.map(({ method, path }) => `${method} ${path.split("/").at(-1)?.replace(ID, "container") ?? ""}`);

interface Seen {
  readonly Name?: string;
  readonly Status?: string;
  readonly StartedAt?: string;
  readonly Policy?: string;
  readonly StopTimeout?: number;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** An answer to inspect. */
function inspect(seen: Seen = {}): Answer {
  const { Name = "/bot", Status = "running", StartedAt = "2026-01-01T00:00:00Z", Policy = "always" } = seen;
  const body = {
    Id: ID,
    Name,
    Image: "sha256:1",
    Created: "2026-01-01T00:00:00Z",
    State: { Status, StartedAt },
    Config: { StopTimeout: seen.StopTimeout ?? 0, Labels: seen.Labels ?? {} },
    HostConfig: { RestartPolicy: { Name: Policy } },
    NetworkSettings: { Networks: {} },
  };
  return { status: 200, body };
}

const LOST: Answer = { status: 500, trouble: "breaks" };
const HUNG: Answer = { status: 500, trouble: "hangs" };
const DONE: Answer = { status: 204 };
const LOOK = `GET /containers/${ID}/json`;
const post = (verb: string): string => `POST /containers/${ID}/${verb}`;
/** Milliseconds, a tenth of them real: enough for a server in the same process. */
const SHORT = 1_000;

describe("a lost answer (H15, H47)", () => {
  const acts: readonly (readonly [string, (docker: DockerPort) => Promise<void>, Seen, Seen])[] = [
    ["start", (docker) => docker.start(ID), { Status: "created" }, {}],
    ["stop", (docker) => docker.stop(ID), {}, { Status: "exited" }],
    ["restart", (docker) => docker.restart(ID), {}, { StartedAt: "2026-01-02T00:00:00Z" }],
    ["rename", (docker) => docker.rename(ID, "bot.bak"), {}, { Name: "/bot.bak" }],
    ["update", (docker) => docker.setRestartPolicy(ID, { Name: "no" }), {}, { Policy: "no" }],
    ["kill", (docker) => docker.kill(ID, "KILL"), {}, { Status: "exited" }],
  ];
  const looksFirst = (verb: string): boolean => verb === "stop" || verb === "restart";

  describe.each([
    ["whose connection breaks", LOST],
    ["that never comes", HUNG],
  ])("%s", (_, trouble) => {
    test.each(acts)("of %s is not asked for again where it was done", async (verb, act, before, after) => {
      const looks = [...(looksFirst(verb) ? [inspect(before)] : []), inspect(after)];
      const { docker, asked } = await connected({ [post(verb)]: [trouble, DONE], [LOOK]: looks }, "1.41", SHORT);
      await act(docker);
      expect(said(asked).filter((one) => one.startsWith("POST"))).toEqual([`POST ${verb}`]);
    });

    test.each(acts)("of %s is asked for again where it was not done", async (verb, act, before) => {
      const { docker, asked } = await connected(
        { [post(verb)]: [trouble, DONE], [LOOK]: inspect(before) },
        "1.41",
        SHORT,
      );
      await act(docker);
      expect(said(asked).filter((one) => one.startsWith("POST"))).toEqual([`POST ${verb}`, `POST ${verb}`]);
    });
  });

  test("of a stop waits for the container's own time before it is told again", async () => {
    const up = inspect({ StopTimeout: 30 });
    const looks = [up, up, up, inspect({ Status: "exited" })];
    const { docker, asked } = await connected({ [post("stop")]: LOST, [LOOK]: looks });
    await docker.stop(ID);
    expect(said(asked).filter((one) => one === "POST stop")).toHaveLength(1);
    expect(said(asked).at(-1)).toBe("GET json");
  });

  test("of a signal other than KILL is sent again: nothing shows whether it has arrived", async () => {
    const { docker, asked } = await connected({ [post("kill")]: [LOST, DONE], [LOOK]: inspect() });
    await docker.kill(ID, "HUP");
    expect(said(asked).filter((one) => one === "POST kill")).toHaveLength(2);
  });

  test("of a removal is fine once the container is gone", async () => {
    const { docker } = await connected({ [`DELETE /containers/${ID}`]: [LOST, { status: 404 }] });
    await docker.remove(ID);
  });

  test("of a look is asked for again", async () => {
    const { docker } = await connected({ [LOOK]: [LOST, inspect({ Name: "/bot" })] });
    expect((await docker.inspect(ID))?.name).toBe("bot");
  });

  test("of a look that the engine fails is no answer either, as a refusal is", async () => {
    const failed = { status: 503, body: { message: "a bad day" } };
    const { docker, asked } = await connected({ [LOOK]: [failed, inspect({ Name: "/bot" })] });
    expect((await docker.inspect(ID))?.name).toBe("bot");
    expect(said(asked)).toEqual(["GET json", "GET json"]);
    const other = await connected({ [LOOK]: { status: 409, body: { message: "no" } } });
    expect(await thrownBy(other.docker.inspect(ID))).toMatchObject({ code: "docker-refused", status: 409 });
    expect(said(other.asked)).toEqual(["GET json"]);
  });

  describe("of create", () => {
    const labels = { "sidecrypt.unit": "0123456789abcdef/1" };
    const spec = { body: { Image: "example", Labels: labels }, connect: [] };
    const byName = "GET /containers/bot/json";

    test("finds what was made, by its name and its labels", async () => {
      const made = inspect({ Name: "/bot", Status: "created", Labels: { ...labels, other: "1" } });
      const { docker, asked } = await connected({ "POST /containers/create": LOST, [byName]: made });
      expect(await docker.create("bot", spec)).toBe(ID);
      expect(said(asked)).toEqual(["POST create", "GET json"]);
    });

    test("makes it once more where nothing was made", async () => {
      const made = { status: 201, body: { Id: ID } };
      const { docker } = await connected({ "POST /containers/create": [LOST, made] });
      expect(await docker.create("bot", spec)).toBe(ID);
    });

    test("never takes a stranger of that name for its own", async () => {
      const taken = { status: 409, body: { message: "name in use" } };
      const { docker } = await connected({
        "POST /containers/create": [LOST, taken],
        [byName]: inspect({ Labels: { "sidecrypt.unit": "ffffffffffffffff/1" } }),
      });
      expect(await thrownBy(docker.create("bot", spec))).toMatchObject({ code: "docker-refused", status: 409 });
    });
  });

  describe("of exec", () => {
    const exec = (...states: readonly (readonly [boolean, number | null])[]): Answers => ({
      [post("exec")]: { status: 201, body: { Id: "e1" } },
      "GET /exec/e1/json": states.map(([Running, ExitCode]) => ({ status: 200, body: { Running, ExitCode } })),
    });
    const starts = (asked: readonly Asked[]): number => said(asked).filter((one) => one === "POST start").length;

    test("waits for the command that runs, and never runs it twice", async () => {
      const states = exec([true, null], [true, null], [true, null], [false, 3]);
      const { docker, asked } = await connected({ ...states, "POST /exec/e1/start": LOST });
      expect(await docker.exec(ID, ["true"], 5_000)).toBe(3);
      expect(starts(asked)).toBe(1);
    });

    test("starts it where it was not started", async () => {
      const states = exec([false, null], [false, 0]);
      const { docker, asked } = await connected({ ...states, "POST /exec/e1/start": [LOST, { status: 200 }] });
      expect(await docker.exec(ID, ["true"], 5_000)).toBe(0);
      expect(starts(asked)).toBe(2);
    });
  });

  test("that is lost again and again is an engine that does not answer", async () => {
    const { docker, asked } = await connected({ [post("start")]: LOST, [LOOK]: inspect({ Status: "created" }) });
    expect((await thrownBy(docker.start(ID))).code).toBe("docker-unreachable");
    expect(said(asked).filter((one) => one === "POST start")).toHaveLength(3);
  });

  test("of an engine that hangs says what was asked, and for how long", async () => {
    const { docker } = await connected({ "GET /containers/json": HUNG }, "1.41", SHORT);
    const thrown = await thrownBy(docker.list());
    expect(thrown).toMatchObject({ code: "docker-unreachable" });
    expect(thrown.message).toBe("the engine did not answer GET /containers/json within 1s");
  });

  test("of an answer that stops half-way is lost too", async () => {
    const half = { status: 200, chunks: ["["], trouble: "stalls" } as const;
    const { docker } = await connected({ "GET /containers/json": [half, { status: 200, body: [] }] }, "1.41", SHORT);
    expect(await docker.list()).toEqual([]);
  });
});
