/** `verify --images` on an image of a real engine: a file that a later layer has removed, and that no other look shows. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { connectEngine } from "../../../src/docker/engine.ts";
import { openEvidence } from "../../../src/docker/evidence.ts";
import { runVerify, type VerifyReport } from "../../../src/verify/index.ts";
import { mainEngine } from "../harness/engine.ts";
import { randomValue } from "../harness/values.ts";

const VALUE = randomValue();

test("a value in a file that the build has removed must be a leak with --images, and said to be out of sight without", async () => {
  const engine = await mainEngine();
  const project = `sidecrypt-images-${randomUUID().slice(0, 8)}`;
  const directory = await mkdtemp(join(tmpdir(), "sidecrypt-images-"));
  onTestFinished(async () => {
    await engine.tryDocker("rm", "--force", `${project}-a`, `${project}-b`, `${project}-c`);
    await engine.tryDocker("rmi", `${project}:2`, `${project}:1`);
    await rm(directory, { recursive: true });
  });
  await writeFile(join(directory, "build.env"), `TOKEN=${Buffer.from(`bot:${VALUE}`).toString("base64")}\n`);
  await engine.docker("create", "--name", `${project}-a`, "sidecrypt");
  await engine.docker("cp", join(directory, "build.env"), `${project}-a:/build.env`);
  await engine.docker("commit", `${project}-a`, `${project}:1`);
  const remove = ["/usr/local/bin/node", `${project}:1`, "-e", "fs.rmSync('/build.env')"];
  await engine.docker("run", "--user", "0", "--name", `${project}-b`, "--entrypoint", ...remove);
  await engine.docker("commit", `${project}-b`, `${project}:2`);
  const label = `com.docker.compose.project=${project}`;
  await engine.docker("create", "--label", label, "--name", `${project}-c`, `${project}:2`);

  const patience = { clock: systemClock, callTimeout: 60_000 };
  const docker = await connectEngine(engine.socket, patience);
  const evidence = openEvidence(engine.socket, docker.apiVersion, patience);
  const verify = (images: boolean): Promise<VerifyReport> =>
    runVerify(
      { docker, evidence, clock: systemClock },
      {
        ...{ version: "0.0.0", project, needles: [{ name: "API_KEY", value: Buffer.from(VALUE) }], beside: null },
        ...{ image: null, keyFiles: ["/run/age.key"], strict: false, watch: 0, images },
      },
    );

  const without = await verify(false);
  expect(without.findings.filter(({ severity }) => severity === "leak")).toEqual([]);
  expect(without.limits.map(({ what }) => what)).toContain("files in the layers of its images");
  const report = await verify(true);
  expect(report.gaps.map(({ what }) => what)).not.toContain("files in its layers");
  expect(report.findings.filter(({ severity }) => severity === "leak")).toMatchObject([
    { rule: "value-in-image", subject: `${project}:2`, secret: "API_KEY", place: "file /build.env of a layer" },
  ]);
  expect(report.looked.files).toBeGreaterThan(50);
});
