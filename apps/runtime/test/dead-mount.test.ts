import { closeSync, constants, openSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mount, unmount } from "../../../packages/linux-engine/src/sys/mount.ts";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { type ContainerOptions, containerConfig, logFolder, runPod, startContainer } from "./harness/pods.ts";
import { startReadyNode } from "./harness/ready-node.ts";
import type { TestNode } from "./harness/start-node.ts";

describe.skipIf(linuxGate.skip)("volumes on a file system that does not answer", () => {
  let node: TestNode;
  let image: string;
  let fuse: number;
  let dead: string;
  beforeAll(async () => {
    ({ node, image } = await startReadyNode());
    // nobody serves it: whoever looks at it waits until the descriptor is closed
    dead = join(node.folder, "dead");
    await mkdir(dead);
    fuse = openSync("/dev/fuse", constants.O_RDWR);
    const data = `fd=${fuse},rootmode=40000,user_id=0,group_id=0`;
    await mount({ source: "nobody", target: dead, type: "fuse", flags: ["noSuid", "noDev"], data });
  }, 60_000);
  afterAll(async () => {
    closeSync(fuse);
    await unmount(dead, { detach: true });
    await node.close();
  }, 60_000);

  it("hold up their own containers and nothing else", { timeout: 60_000 }, async () => {
    await using cri = await node.connect();
    const logDirectory = logFolder(node.folder);
    const stuck = await runPod(cri, { logDirectory });
    const answers: Promise<string>[] = [];
    const createStuck = (count: number): void => {
      for (const index of Array(count).keys()) {
        const name = `stuck-${answers.length + index}`;
        const mounts = [{ containerPath: "/data", hostPath: join(dead, name) }];
        const config = containerConfig({ image, name, extra: { mounts } });
        const answer = cri.runtime.createContainer({ ...stuck, config }, { timeoutMs: 4000 });
        answers.push(
          answer.then(
            () => "made",
            (error: unknown) => String(error),
          ),
        );
      }
    };
    const live = async (extra: NonNullable<ContainerOptions["extra"]> = {}): Promise<void> => {
      const pod = await runPod(cri, { logDirectory });
      const containerId = await startContainer(cri, pod, { image, extra });
      const answer = await cri.runtime.execSync({ containerId, cmd: ["echo", "here"], timeout: 10n });
      expect(Buffer.from(answer.stdout).toString()).toBe("here\n");
      await cri.runtime.stopPodSandbox(pod);
      await cri.runtime.removePodSandbox(pod);
    };
    createStuck(6);
    await delay(300); // all of them are at it
    await live({ mounts: [{ containerPath: "/data", hostPath: join(node.folder, "alive") }] });
    createStuck(20);
    await delay(300);
    await live();
    for (const answer of await Promise.all(answers)) expect(answer).toMatch(/waiting for mount source .*dead/);
    // the creates go on without their callers; the stop of their pod ends them
    await cri.runtime.stopPodSandbox(stuck, { timeoutMs: 5000 });
    await cri.runtime.removePodSandbox(stuck);
    expect((await cri.runtime.listContainers({})).containers).toEqual([]);
  });
});
