import { create } from "@bufbuild/protobuf";
import { failedPrecondition, notFound } from "@keelson/cri-api/errors";
import { type ContainerConfig, LinuxContainerConfigSchema, type LinuxContainerResources } from "@keelson/cri-api/v1";
import type { Core } from "../core.ts";
import { canonicalJson } from "../joins/fingerprint.ts";
import type { Work } from "../joins/work.ts";
import { containerStateName } from "../state/states.ts";
import { mergeResources } from "../validation/merge-resources.ts";
import { afterFailure } from "./after-failure.ts";
import { workKeys } from "./work-keys.ts";

/**
 * Sets limits of a container that is created or runs, and records them: all of them or none. Changes of one container,
 * its start and its removal wait for each other; who asks for the same at the same time shares the change.
 */
export function updateContainerResources(core: Core, id: string, asked: LinuxContainerResources): Work<void> {
  const engine = core.engine.containers;
  const what = `update resources of container ${id}`;
  const start = {
    key: `${what} ${canonicalJson(asked)}`,
    operation: "UpdateContainerResources",
    what: "waiting until nothing else changes",
    of: `container ${id}`,
  } as const;
  return core.works.run(start, (task) =>
    core.containerLock.run(id, async () => {
      task.stage("setting the resources", `of container ${id}`);
      const record = core.containers.get(id);
      if (record === undefined) throw notFound(`${what}: it is gone`);
      const state = containerStateName(record);
      if (state === "EXITED") throw failedPrecondition(`${what}: its state is EXITED, want CREATED or RUNNING`);
      if (core.works.running(workKeys.removeContainer(id)) !== undefined) {
        throw failedPrecondition(`${what}: it is being removed`);
      }
      const sandbox = core.sandboxes.get(record.sandboxId);
      if (sandbox === undefined) throw failedPrecondition(`${what}: sandbox ${record.sandboxId} is gone`);
      const config = withResources(record.config, asked);
      engine.admit(config, sandbox);
      await engine.updateResources?.({ ...record, config });
      try {
        await core.containers.update(id, (old) => ({ ...old, config }));
        await core.store.flush();
      } catch (error) {
        // what is answered with an error must neither be recorded nor hold
        await afterFailure(core, "taking an update back", id, async () => {
          await core.containers.update(id, (old) =>
            old.config === record.config ? old : { ...old, config: record.config },
          );
          await engine.updateResources?.(record);
        });
        throw error;
      }
    }),
  );
}

function withResources(config: ContainerConfig, asked: LinuxContainerResources): ContainerConfig {
  const linux = config.linux ?? create(LinuxContainerConfigSchema);
  return { ...config, linux: { ...linux, resources: mergeResources(linux.resources, asked) } };
}
