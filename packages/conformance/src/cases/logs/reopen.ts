import { access, readFile, rename } from "node:fs/promises";
import { expect, expectRefusal, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { says, sleeps } from "../../program/program.ts";

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const textsOf = async (path: string): Promise<readonly string[]> =>
  (await readFile(path, "utf8"))
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split(" ").slice(3).join(" "));

export const newFile: Case = defineCase({
  name: "after ReopenContainerLog the container writes into a new file at the old path, and the renamed one stays",
  cites: "runtime.v1 ReopenContainerLog: what it writes from then on goes to a new file at the old path",
  covers: ["ReopenContainerLogRequest.container_id"],
  critest: [
    "[k8s.io] Container runtime should support log runtime should support reopening container log [Conformance]",
  ],
  async run({ cri, pod }) {
    const c = await pod.start({ program: { ...sleeps, stop: { code: 0, log: [{ text: "bye" }] } } });
    await c.untilLogged("ready");
    await rename(c.logFile, `${c.logFile}.1`);
    await expectSuccess(cri.reopenContainerLog({ containerId: c.id }));
    expect(await isThere(c.logFile)).toBe(true);
    expect(await textsOf(c.logFile)).toEqual([]);
    await c.stop(30);
    expect(await textsOf(c.logFile)).toEqual(["bye"]);
    expect(await textsOf(`${c.logFile}.1`)).toEqual(["ready"]);
    expect((await c.status()).logPath).toBe(c.logFile);
  },
});

export const noLineLost: Case = defineCase({
  name: "no line is lost and none comes twice while a log is rotated under a container that writes",
  cites: "runtime.v1 ReopenContainerLog: no line is lost",
  covers: ["ReopenContainerLogRequest.container_id"],
  async run({ cri, pod, until }) {
    const lines = Array.from({ length: 40 }, (_, at) => ({ text: `line ${at}`, atMs: 25 * at }));
    const c = await pod.start({ program: { log: lines, exit: { code: 0, afterMs: 1_000 } } });
    const files: string[] = [];
    for (let turn = 1; turn <= 3; turn++) {
      await until("there is a log with a line", async () => (await c.log()).length > 0);
      files.push(`${c.logFile}.${turn}`);
      await rename(c.logFile, `${c.logFile}.${turn}`);
      // it may have ended before the last turns
      const reopened = await cri.reopenContainerLog({ containerId: c.id }).then(
        () => true,
        () => false,
      );
      if (!reopened) break;
    }
    await c.until("exited");
    if (await isThere(c.logFile)) files.push(c.logFile);
    const all = (await Promise.all(files.map(textsOf))).flat();
    expect(all).toEqual(lines.map(({ text }) => text));
    expect(files.length).toBeGreaterThan(1);
  },
});

export const ofEnded: Case = defineCase({
  name: "ReopenContainerLog of a container that has ended is refused, and makes no file",
  cites: "runtime.v1 ReopenContainerLog: with any error no new file may be there, the kubelet renames the old one back",
  covers: [],
  async run({ cri, pod }) {
    const c = await pod.start({ program: says("once") });
    await c.until("exited");
    await rename(c.logFile, `${c.logFile}.1`);
    await expectRefusal(cri.reopenContainerLog({ containerId: c.id }));
    expect(await isThere(c.logFile)).toBe(false);
    expect(await textsOf(`${c.logFile}.1`)).toEqual(["once"]);
  },
});

export const withoutRotation: Case = defineCase({
  name: "ReopenContainerLog without a rotation keeps the lines that are there",
  cites: "containerd internal/cri: the log is opened to append; runtime.v1 ReopenContainerLog: no line is lost",
  covers: ["ReopenContainerLogRequest.container_id"],
  async run({ cri, pod }) {
    const c = await pod.start({ program: { ...sleeps, stop: { code: 0, log: [{ text: "bye" }] } } });
    await c.untilLogged("ready");
    await expectSuccess(cri.reopenContainerLog({ containerId: c.id }));
    await c.stop(30);
    expect((await c.log()).map(({ text }) => text)).toEqual(["ready", "bye"]);
  },
});
