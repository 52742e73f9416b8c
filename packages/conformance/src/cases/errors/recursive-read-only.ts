import { MountPropagation } from "@keelson/cri-api/v1";
import { expect, expectRefusal } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

const rro =
  "[k8s.io] Container Mount Readonly runtime should support readonly mounts should reject a recursive readonly mount with";

export const impossibleMounts: Case = defineCase({
  name: "CreateContainer with a recursive read-only mount that is not read-only or that propagates is refused",
  cites: "runtime.v1 Mount.recursive_read_only: only with readonly and PROPAGATION_PRIVATE; KEP-3857",
  covers: ["Mount.recursive_read_only"],
  critest: [`${rro} ReadOnly: false`, `${rro} PROPAGATION_HOST_TO_CONTAINER`, `${rro} PROPAGATION_BIDIRECTIONAL`],
  async run({ cri, pod }) {
    await pod.run();
    const mount = { hostPath: pod.config.logDirectory, containerPath: "/mnt", recursiveReadOnly: true };
    for (const wrong of [
      { readonly: false, propagation: MountPropagation.PROPAGATION_PRIVATE },
      { readonly: true, propagation: MountPropagation.PROPAGATION_HOST_TO_CONTAINER },
      { readonly: true, propagation: MountPropagation.PROPAGATION_BIDIRECTIONAL },
    ]) {
      await expectRefusal(pod.create({ config: { mounts: [{ ...mount, ...wrong }] } }));
    }
    expect((await cri.listContainers({ filter: { podSandboxId: pod.id } })).containers).toEqual([]);
  },
});
