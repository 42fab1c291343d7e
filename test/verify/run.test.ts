import { expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import type { DockerPort, Json } from "../../src/docker/port.ts";
import { SidecryptError } from "../../src/errors.ts";
import { runVerify } from "../../src/verify/index.ts";
import { container, evidenceOf, PROJECT } from "./world.ts";

const clock: Clock = { now: () => Date.UTC(2026, 10, 22, 12), sleep: () => Promise.resolve() };

/** Its only container cannot be made. */
function docker(create: () => void): DockerPort {
  return {
    list: () => Promise.resolve([]),
    changes: () => Promise.resolve([]),
    create: () => {
      create();
      return Promise.reject(new SidecryptError("docker-refused", "no room"));
    },
  } as unknown as DockerPort;
}

const options = {
  ...{ version: "1.2.3", project: PROJECT, needles: [], beside: null, image: "sidecrypt" },
  ...{ keyFiles: ["/run/age.key"], strict: false, watch: 0 },
};

test("the engine's events are read before the self-test makes events of its own, which would push them out", async () => {
  const order: string[] = [];
  const event: Json = { Type: "container", Action: "start", Actor: { ID: "id-bot1", Attributes: {} } };
  const evidence = evidenceOf([container("bot1")], {
    events: () => {
      order.push("events");
      return Promise.resolve([event]);
    },
  });
  const create = (): void => void order.push("self-test");
  const { looked, verdict, gaps } = await runVerify({ docker: docker(create), evidence, clock }, options);
  expect(order).toEqual(["events", "self-test"]);
  expect(looked.events).toBe(1);
  expect(verdict).toBe("incomplete");
  expect(gaps.map(({ subject, what }) => `${subject}: ${what}`)).toEqual(["self-test: all of it", "stack: drops"]);
});
