import { ContainerState } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { echoes } from "../../program/program.ts";

export const standardInput: Case = defineCase({
  name: "a container that asks for no standard input reads its end at once, and one that asks for one goes on reading",
  cites: "runtime.v1 ContainerConfig.stdin: keeps standard input open for Attach; false reads end of file at once",
  covers: ["ContainerConfig.stdin"],
  async run({ pod }) {
    const open = await pod.start({ program: echoes(3), config: { stdin: true } });
    const none = await pod.start({ program: echoes(4) });
    expect((await none.until("exited")).exitCode).toBe(4);
    // whoever writes to a pipe and goes ends it, unless another end of it is open
    for (const text of ["first", "second"]) {
      const written = await expectSuccess(
        open.observe({ inside: `echo ${text} >/proc/1/fd/0; echo yes`, recorded: () => "no" }),
      );
      if (written === "yes") await open.untilLogged(text);
    }
    expect((await open.status()).state).toBe(ContainerState.CONTAINER_RUNNING);
  },
});
