import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const bothStreams: Case = defineCase({
  name: "the log has each line of stdout and stderr with its time, stream and the tag F",
  cites: "Kubernetes, CRI: log management for container stdout/stderr streams",
  covers: ["PodSandboxConfig.log_directory", "ContainerConfig.log_path", "ContainerStatus.log_path"],
  async run({ pod }) {
    const log = [{ text: "out" }, { text: "err", stream: "stderr" as const }, { text: " spaces  stay " }];
    const c = await pod.start({ program: { log, exit: { code: 0 } } });
    expect((await c.until("exited")).logPath).toBe(c.logFile);
    const entries = await c.log();
    const of = (stream: string) => entries.filter((one) => one.stream === stream).map(({ text }) => text);
    expect([of("stdout"), of("stderr")]).toEqual([["out", " spaces  stay "], ["err"]]);
    expect(entries.every(({ partial, timeNs }) => !partial && timeNs > 0n)).toBe(true);
  },
});
