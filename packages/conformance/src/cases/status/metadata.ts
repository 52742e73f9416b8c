import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const sandboxAsAsked: Case = defineCase({
  name: "PodSandboxStatus has metadata, labels and annotations as they were asked for",
  cites: "runtime.v1 PodSandboxStatus: annotations MUST NOT be altered by the runtime",
  covers: [
    "PodSandboxConfig.metadata",
    "PodSandboxConfig.labels",
    "PodSandboxConfig.annotations",
    "PodSandboxStatus.metadata",
    "PodSandboxStatus.labels",
    "PodSandboxStatus.annotations",
  ],
  critest: [
    "[k8s.io] PodSandbox runtime should support basic operations on PodSandbox runtime should support preserving PodSandbox attributes [Conformance]",
  ],
  async run({ anotherPod, unique }) {
    const asked = {
      labels: { unique, empty: "" },
      annotations: { "example.com/note": " as written\t", __proto__x: "y" },
    };
    const pod = anotherPod({ config: asked, attempt: 3 });
    const status = await pod.status();
    expect(status.metadata).toMatchObject({
      name: pod.name,
      namespace: "conformance",
      attempt: 3,
      uid: pod.config.metadata?.uid,
    });
    expect({ labels: status.labels, annotations: status.annotations }).toEqual(asked);
  },
});
