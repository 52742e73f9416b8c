import process from "node:process";
import { isCriError } from "@keelson/cri-api/errors";
import { ContainerStateSchema, NamespaceMode, PodSandboxState } from "@keelson/cri-api/v1";
import { until } from "../../../../packages/cri-client/test/peers/harness/until.ts";
import { exited } from "../harness/pods.ts";
import type { Scenario } from "./scenario.ts";
import { nameOf, ofContainer, ofSandbox, tellContainer, tellSandbox } from "./told.ts";

export const sandboxScenarios: readonly Scenario[] = [
  {
    name: "sandbox: ready",
    tells: ofSandbox,
    async play(at) {
      const { podSandboxId } = await at.pod();
      return () => tellSandbox(at, podSandboxId);
    },
  },
  {
    name: "sandbox: stopped",
    tells: ofSandbox,
    async play(at) {
      const { podSandboxId } = await at.pod();
      await at.cri.runtime.stopPodSandbox({ podSandboxId });
      return () => tellSandbox(at, podSandboxId);
    },
  },
  {
    name: "sandbox: removed",
    tells: ["state"],
    async play(at) {
      const { podSandboxId } = await at.pod();
      await at.cri.runtime.stopPodSandbox({ podSandboxId });
      await at.cri.runtime.removePodSandbox({ podSandboxId });
      return async () => {
        const status = await tellSandbox(at, podSandboxId).catch((error: unknown) =>
          isCriError(error) ? error.code : String(error),
        );
        return { state: status };
      };
    },
  },
  {
    name: "sandbox: in the host's network",
    tells: ofSandbox,
    async play(at) {
      const { podSandboxId } = await at.pod({ network: NamespaceMode.NODE });
      return () => tellSandbox(at, podSandboxId);
    },
  },
  {
    name: "sandbox: several containers, as they are listed",
    tells: ["state"],
    async play(at) {
      const pod = await at.pod();
      await at.start(pod, { name: "runs" });
      await at.run(pod, { name: "ended", script: "exit 4" });
      await at.create(pod, { name: "created" });
      return async () => {
        const { containers } = await at.cri.runtime.listContainers({ filter: { podSandboxId: pod.podSandboxId } });
        // containerd has no order of its own; crictl sorts by the time of creation
        const sorted = containers.toSorted((one, other) => Number(one.createdAt - other.createdAt));
        return {
          state: sorted.map(({ metadata, state }) => `${metadata?.name}: ${nameOf(ContainerStateSchema, state)}`),
        };
      };
    },
  },
  {
    name: "sandbox: shared process IDs, a container is stopped",
    tells: ofContainer,
    async play(at) {
      const containerId = await at.start(await at.pod({ pid: NamespaceMode.POD }));
      await at.cri.runtime.stopContainer({ containerId, timeout: 20n });
      return () => tellContainer(at, containerId);
    },
  },
  {
    name: "sandbox: shared process IDs, their first process ends",
    tells: [...ofSandbox, ...ofContainer.filter((field) => field !== "state")],
    async play(at) {
      const { podSandboxId, ...rest } = await at.pod({ pid: NamespaceMode.POD });
      const id = await at.start({ podSandboxId, ...rest });
      const { info } = await at.cri.runtime.podSandboxStatus({ podSandboxId, verbose: true });
      process.kill((JSON.parse(info.info ?? "{}") as { readonly pid: number }).pid, "SIGKILL");
      await exited(at.cri, id);
      await until("the sandbox is no longer ready", 15_000, async () => {
        const { status } = await at.cri.runtime.podSandboxStatus({ podSandboxId });
        return status?.state === PodSandboxState.SANDBOX_NOTREADY;
      });
      return async () => {
        const { state, ...container } = await tellContainer(at, id);
        const sandbox = await tellSandbox(at, podSandboxId);
        return { ...container, ...sandbox, state: [state, sandbox.state] };
      };
    },
    exception: {
      fields: ["IPs"],
      why: "a sandbox that is no longer whole tells none, as one that is stopped; containerd tells them until the stop",
    },
  },
  {
    name: "sandbox: stopped with a container that runs",
    tells: ofContainer,
    async play(at) {
      const pod = await at.pod();
      const id = await at.start(pod);
      await at.cri.runtime.stopPodSandbox({ podSandboxId: pod.podSandboxId });
      return () => tellContainer(at, id);
    },
  },
  {
    name: "sandbox: stopped with a container that was never started",
    tells: ofContainer,
    async play(at) {
      const pod = await at.pod();
      const id = await at.create(pod);
      await at.cri.runtime.stopPodSandbox({ podSandboxId: pod.podSandboxId });
      return () => tellContainer(at, id);
    },
  },
];
