/** H17: what a replacement would lose stands in the plan, and an idle look asks the engine nothing. */
import { expect, test } from "vitest";
import { withLosses } from "../../src/daemon/losses.ts";
import type { Plan } from "../../src/types.ts";
import { FakeClock } from "../roll/fake-clock.ts";
import { FakeEngine, IMAGE_NAME } from "../roll/fake-engine.ts";
import { tarOf } from "../../src/docker/tar.ts";

const file = { content: Buffer.from("x"), mode: 0o600, uid: 0, gid: 0, attributes: new Map() };

/** Each service with one container, which has written a file into its own layer. */
async function engine(...services: readonly string[]) {
  const session = new FakeEngine(new FakeClock()).connect();
  const ids: string[] = [];
  for (const service of services) {
    const HostConfig = { PortBindings: { "80/tcp": [{ HostPort: "" }] } };
    const id = await session.create(`stack-${service}-1`, { body: { Image: IMAGE_NAME, HostConfig }, connect: [] });
    await session.start(id);
    session.engine.clock.time += 60_000;
    await session.writeArchive(id, tarOf(`/app/${service}.sqlite`, file, 0));
    ids.push(id);
  }
  session.calls.length = 0;
  return { session, ids };
}

const plan = (kind: string, service: string, id: string): Plan =>
  ({
    consumers: [{ service, onChange: { kind }, containers: [{ id, state: "running" }] }],
    units: [],
    warnings: [{ subject: "a", message: "b" }],
  }) as unknown as Plan;

test("H17, H13: a plan names the files, the ports, and what to do", async () => {
  const { session, ids } = await engine("bot");
  const { warnings } = await withLosses(session, plan("recreate", "bot", ids[0]!));
  expect(warnings.map((one) => one.subject)).toEqual(["a", "bot", "bot"]);
  expect(warnings[1]?.message).toBe(
    "stack-bot-1 has files that only its own layer holds: /app/bot.sqlite. A replacement loses them: put them on a volume, or set the label sidecrypt.on-change: restart",
  );
  expect(warnings[2]?.message).toBe("stack-bot-1: the engine chooses new ports on the host for 80/tcp");
});

test("H25: an old container that this engine could not start again is named, and only on such an engine", async () => {
  const { session } = await engine();
  const HostConfig = { Sysctls: { "net.ipv4.conf.eth0.log_martians": "1", "net.core.somaxconn": "9" } };
  const id = await session.create("stack-bot-1", { body: { Image: IMAGE_NAME, HostConfig }, connect: [] });
  const messages = async () => (await withLosses(session, plan("recreate", "bot", id))).warnings.slice(1);
  session.engine.apiVersion = "1.47";
  expect(await messages()).toEqual([]);
  session.engine.apiVersion = "1.48";
  expect(await messages()).toEqual([
    {
      subject: "bot",
      message:
        "stack-bot-1: this engine sets net.ipv4.conf.eth0.log_martians by the network alone. The copy has it there, but the old container could not be started again: docker compose up -d --force-recreate makes one that can",
    },
  ]);
});

test.each(["restart", "signal", "exec", "none"])("H17: %s loses nothing, and nothing is asked", async (kind) => {
  const { session, ids } = await engine("bot");
  expect((await withLosses(session, plan(kind, "bot", ids[0]!))).warnings).toHaveLength(1);
  expect(session.calls).toEqual([]);
});

test("H17: what is replaced for another one's sake is named too, each container once", async () => {
  const { session, ids } = await engine("server", "raised", "beside");
  const [server, raised, beside] = ids.map((id) => ({ id, state: "running" }));
  const consumer = (service: string, kind: string, container: unknown) => ({
    ...{ service, onChange: { kind }, containers: [container] },
  });
  const made = {
    consumers: [consumer("server", "recreate", server), consumer("raised", "signal", raised)],
    units: [
      {
        steps: [
          { consumer: consumer("server", "recreate", server), containers: [server] },
          { consumer: consumer("raised", "recreate", raised), containers: [raised] },
        ],
        followers: [{ how: "rejoin", proving: { service: "beside" }, container: beside }],
      },
    ],
    warnings: [],
  } as unknown as Plan;
  const { warnings } = await withLosses(session, made);
  const files = warnings.filter(({ message }) => message.includes("its own layer"));
  expect(files.map(({ subject }) => subject)).toEqual(["server", "raised", "beside"]);
});
