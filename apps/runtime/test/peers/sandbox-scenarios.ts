import { isCriError } from "@keelson/cri-api/errors";
import { ContainerStateSchema, NamespaceMode } from "@keelson/cri-api/v1";
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
        return {
          state: containers.map(({ metadata, state }) => `${metadata?.name}: ${nameOf(ContainerStateSchema, state)}`),
        };
      };
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
