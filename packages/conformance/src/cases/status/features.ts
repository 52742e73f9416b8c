import type { MessageInitShape } from "@bufbuild/protobuf";
import { isCriError } from "@keelson/cri-api/errors";
import { type MountSchema, NamespaceMode } from "@keelson/cri-api/v1";
import { expect, fail } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Pod } from "../../stage/pod.ts";
import type { Stage } from "../../stage/stage.ts";

const refusals = ["INVALID_ARGUMENT", "FAILED_PRECONDITION", "UNKNOWN"] as const;

/** Whether it is granted. What a runtime says that it lacks it has to refuse: no pod runs weaker than asked. */
async function isGranted(asked: Promise<unknown>): Promise<boolean> {
  return await asked.then(
    () => true,
    (error: unknown) => {
      if (refusals.some((code) => isCriError(error, code))) return false;
      throw error;
    },
  );
}

async function handlersOf({ cri }: Stage) {
  const { runtimeHandlers } = await cri.status({});
  if (runtimeHandlers.length === 0) fail("Status has no runtime handlers");
  return runtimeHandlers.map(({ name, features }) => {
    return { name, features: features ?? fail(`handler "${name}" has no features`) };
  });
}

function mountOf(pod: Pod, more: MessageInitShape<typeof MountSchema>) {
  return {
    config: { mounts: [{ hostPath: pod.config.logDirectory, containerPath: "/mnt", readonly: true, ...more }] },
  };
}

function withUserNamespace({ anotherPod }: Stage, options: { network: "pod" | "node"; runtimeHandler?: string }): Pod {
  const ids = [{ hostId: 100_000, containerId: 0, length: 65_536 }];
  const usernsOptions = { mode: NamespaceMode.POD, uids: ids, gids: ids };
  const network = options.network === "pod" ? NamespaceMode.POD : NamespaceMode.NODE;
  return anotherPod({
    ...options,
    security: { namespaceOptions: { network, pid: NamespaceMode.CONTAINER, usernsOptions } },
  });
}

export const recursiveReadOnly: Case = defineCase({
  name: "a handler takes a recursive read-only mount when its features in Status have it, and refuses it else",
  cites: "runtime.v1 RuntimeHandlerFeatures.recursive_read_only_mounts; KEP-3857",
  covers: ["RuntimeHandlerFeatures.recursive_read_only_mounts"],
  async run(stage) {
    for (const { name, features } of await handlersOf(stage)) {
      const pod = stage.anotherPod({ runtimeHandler: name });
      await pod.run();
      const granted = await isGranted(pod.create(mountOf(pod, { recursiveReadOnly: true })));
      expect(granted, `handler "${name}"`).toBe(features.recursiveReadOnlyMounts);
    }
  },
});

export const userNamespaces: Case = defineCase({
  name: "a handler takes a pod with a user namespace when its features in Status have it, and refuses it else",
  cites: "runtime.v1 RuntimeHandlerFeatures.user_namespaces; KEP-127: the kubelet sends no such pod to others",
  covers: ["RuntimeHandlerFeatures.user_namespaces"],
  needs: ["pod-network"],
  async run(stage) {
    for (const { name, features } of await handlersOf(stage)) {
      const granted = await isGranted(withUserNamespace(stage, { network: "pod", runtimeHandler: name }).run());
      expect(granted, `handler "${name}"`).toBe(features.userNamespaces);
    }
  },
});

export const userNamespaceOnTheNode: Case = defineCase({
  name: "a pod with a user namespace on the node's network is taken when the features in Status have it, and refused else",
  cites: "runtime.v1 RuntimeFeatures.user_namespaces_host_network; KEP-127",
  covers: ["RuntimeFeatures.user_namespaces_host_network"],
  async run(stage) {
    const { features } = await stage.cri.status({});
    const granted = await isGranted(withUserNamespace(stage, { network: "node" }).run());
    expect(granted).toBe(features?.userNamespacesHostNetwork);
  },
});

export const mountOptions: Case = defineCase({
  name: "a mount with options is taken when the features in Status have it, and refused else",
  cites: "runtime.v1 RuntimeFeatures.mount_options, Mount.mount_options: refused by runtimes that do not keep them",
  covers: ["RuntimeFeatures.mount_options"],
  async run({ cri, pod }) {
    const { features } = await cri.status({});
    await pod.run();
    const granted = await isGranted(pod.create(mountOf(pod, { mountOptions: ["noexec"] })));
    expect(granted).toBe(features?.mountOptions);
  },
});
