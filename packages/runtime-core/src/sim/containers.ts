import { failedPrecondition, notFound, quote } from "@keelson/cri-api/errors";
import type { Mount } from "@keelson/cri-api/v1";
import {
  applySteps,
  type ContainerEngine,
  type ContainerRecord,
  createFailure,
  failOnLeft,
  revertSteps,
} from "../ports/index.ts";
import { admitContainer } from "./admit-container.ts";
import {
  type ContainerTools,
  containerSteps,
  createSteps,
  recordedStart,
  recordedStopSignal,
  startSteps,
} from "./container-steps.ts";
import { containerUser } from "./container-user.ts";
import { findImage } from "./images.ts";
import { inspectContainer } from "./inspect.ts";
import { criSignal, criSignalNumber, signalNumber, sigterm } from "./signals.ts";
import { turn } from "./turn.ts";
import type { Life } from "./world.ts";

export function createContainers(tools: ContainerTools): ContainerEngine {
  const { life, faults, scriptOf } = tools;

  return {
    admit(config, sandbox) {
      admitContainer(config, sandbox);
      scriptOf(config);
    },
    async create(record, sandbox, journal, task) {
      const user = containerUser(record.config, life.images.get(record.image.id)?.user ?? "");
      const mounts = record.config.mounts.map((mount) => shownMount(mount, life.images));
      await applySteps({ steps: createSteps, subject: { record, sandbox }, tools, journal, task });
      const signal = stopSignal({ config: record.config, steps: journal.steps });
      return { mounts, user, stopSignal: criSignal(signal) };
    },
    async start(record, sandbox, journal, task) {
      if (life.held("namespaces", sandbox.id) === undefined) {
        throw failedPrecondition(`start container ${quote(record.id)}: its sandbox has no namespaces any more`);
      }
      const subject = { record, sandbox };
      const starting = applySteps({
        steps: startSteps,
        subject,
        tools: { ...tools, starting: subject },
        journal,
        task,
      });
      await starting.catch((error: unknown) => {
        throw createFailure(error);
      });
      const started = recordedStart(journal.steps);
      if (started === undefined) throw new Error(`start container ${record.id}: the journal does not know its start`);
      return started;
    },
    async signal(record, signal) {
      await faults.reach("container.signal");
      const process = life.process(record.id);
      if (signal === "kill") process?.kill();
      else process?.signal(stopSignal(record));
    },
    async remove(record, journal, progress) {
      const left = await revertSteps({ steps: containerSteps, tools, journal, until: "remove", progress });
      failOnLeft(`remove container ${record.id}`, left);
    },
    async exec(record, request) {
      await faults.reach("container.exec", request.signal);
      const process = life.process(record.id);
      if (process === undefined) throw failedPrecondition(`exec in container ${quote(record.id)}: it does not run`);
      return await process.exec(request);
    },
    async reopenLog(record) {
      await faults.reach("container.reopen-log");
      const process = life.process(record.id);
      if (process === undefined)
        throw failedPrecondition(`reopen the log of container ${quote(record.id)}: it does not run`);
      await process.reopenLog();
    },
    async updateResources(record) {
      await faults.reach("container.update-resources");
      if (life.process(record.id)?.exit !== undefined) {
        throw failedPrecondition(`update container ${quote(record.id)}: it has ended`);
      }
      life.hold("bundle", record.id, "config.json");
    },
    async inspect(record) {
      await turn();
      return { info: inspectContainer(record) };
    },
  };
}

/** A mounted image is shown with its ID. @throws NOT_FOUND when it is not on the node */
function shownMount(mount: Mount, images: Life["images"]): Mount {
  const { image } = mount;
  if (image === undefined || image.image === "") return mount;
  const found = findImage(images, image);
  if (found === undefined) {
    throw notFound(`mount image ${quote(image.image)}: it is not on this node`, { hint: "pull it first" });
  }
  return { ...mount, image: { ...image, imageRef: found.id } };
}

function stopSignal({ config, steps }: Pick<ContainerRecord, "config" | "steps">): number {
  return criSignalNumber(config.stopSignal) ?? signalNumber(recordedStopSignal(steps)) ?? sigterm;
}
