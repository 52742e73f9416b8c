import { join } from "node:path";
import { exited } from "../harness/pods.ts";
import type { Scenario } from "./scenario.ts";
import type { Side } from "./side.ts";
import { ofContainer, ofSandbox, tellContainer, tellSandbox } from "./told.ts";

/** What a container that waits for it gets to see while both runtimes are down. */
export const endFile = (host: string): string => join(host, "data", "end");

/** What is told after the restart of the runtime that comes between `play` and its answer. */
export const restartScenarios: readonly Scenario[] = [
  sandbox("ready"),
  sandbox("stopped", async (at, podSandboxId) => at.cri.runtime.stopPodSandbox({ podSandboxId })),
  container("created", async (at) => at.create(await at.pod())),
  container("running", async (at) => at.start(await at.pod())),
  container("ended before", async (at) => at.run(await at.pod(), { script: "exit 3" })),
  container("start failed before", async (at) => at.failToStart(await at.pod(), { command: ["/no/such/program"] })),
  {
    name: "restart: container, ended meanwhile",
    tells: ofContainer,
    async play(at) {
      const mounts = [{ containerPath: "/data", hostPath: join(at.host, "data") }];
      const script = "until [ -e /data/end ]; do sleep 0.05; done; exit 6";
      const id = await at.start(await at.pod(), { script, extra: { mounts } });
      return async () => {
        await exited(at.cri, id);
        return await tellContainer(at, id);
      };
    },
  },
  {
    name: "restart: container, stopped after it",
    tells: ofContainer,
    async play(at) {
      const containerId = await at.start(await at.pod());
      return async () => {
        await at.cri.runtime.stopContainer({ containerId, timeout: 0n });
        return await tellContainer(at, containerId);
      };
    },
  },
];

function sandbox(name: string, act: (at: Side, id: string) => Promise<unknown> = async () => {}): Scenario {
  return {
    name: `restart: sandbox, ${name}`,
    tells: ofSandbox,
    async play(at) {
      const { podSandboxId } = await at.pod();
      await act(at, podSandboxId);
      return () => tellSandbox(at, podSandboxId);
    },
  };
}

function container(name: string, make: (at: Side) => Promise<string>): Scenario {
  return {
    name: `restart: container, ${name}`,
    tells: ofContainer,
    async play(at) {
      const id = await make(at);
      return () => tellContainer(at, id);
    },
  };
}
