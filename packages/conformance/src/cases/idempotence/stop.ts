import { ContainerState } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { exit } from "../../program/program.ts";

export const stopOfStopped: Case = defineCase({
  name: "StopContainer succeeds when already stopped, and changes nothing",
  cites: "runtime.v1 StopContainer: idempotent, must not return an error if the container has already been stopped",
  covers: ["StopContainerRequest.container_id"],
  critest: [],
  async run({ cri, pod }) {
    const c = await pod.start({ program: exit(3) });
    const before = await c.until("exited");
    await expectSuccess(cri.stopContainer({ containerId: c.id, timeout: 0n }));
    expect(await c.status()).toMatchObject({
      state: ContainerState.CONTAINER_EXITED,
      exitCode: 3,
      finishedAt: before.finishedAt,
    });
  },
});
