import { NamespaceMode } from "@keelson/cri-api/v1";
import { expect, expectRefusal } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

const userns = "[k8s.io] Security Context UserNamespaces when Host idmap mount support is not needed runtime should";

export const impossibleUserNamespaces: Case = defineCase({
  name: "RunPodSandbox with a user namespace that can't be is refused: modes CONTAINER and TARGET, no mapping of ID 0",
  cites: "runtime.v1 UserNamespace.mode: POD or NODE; KEP-127; a pod never runs weaker than asked",
  covers: ["UserNamespace.mode"],
  needs: ["pod-network"],
  critest: [
    `${userns} fail with NamespaceMode_CONTAINER`,
    `${userns} fail with NamespaceMode_TARGET`,
    `${userns} fail if container ID 0 is not mapped`,
    `${userns} fail if more than one mapping provided`,
  ],
  async run({ cri, anotherPod }) {
    const ids = (containerId: number) => [{ hostId: 100_000, containerId, length: 65_536 }];
    const mode = NamespaceMode.POD;
    const uids: string[] = [];
    for (const usernsOptions of [
      { mode: NamespaceMode.CONTAINER, uids: ids(0), gids: ids(0) },
      { mode: NamespaceMode.TARGET, uids: ids(0), gids: ids(0) },
      { mode, uids: ids(1), gids: ids(1) },
      { mode, uids: [...ids(0), { hostId: 300_000, containerId: 70_000, length: 10 }], gids: ids(0) },
      { mode, uids: [], gids: [] },
    ]) {
      const network = NamespaceMode.POD;
      const pod = anotherPod({ network: "pod", security: { namespaceOptions: { network, usernsOptions } } });
      uids.push(pod.config.metadata?.uid ?? "");
      await expectRefusal(pod.run());
    }
    const { items } = await cri.listPodSandbox({});
    expect(items.filter(({ metadata }) => uids.includes(metadata?.uid ?? ""))).toEqual([]);
  },
});
