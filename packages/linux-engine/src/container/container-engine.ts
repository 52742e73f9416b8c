import { dirname } from "node:path";
import { create } from "@bufbuild/protobuf";
import { failedPrecondition } from "@keelson/cri-api/errors";
import { type ContainerUser, ContainerUserSchema } from "@keelson/cri-api/v1";
import {
  applySteps,
  type ContainerEngine,
  type ContainerRecord,
  createFailure,
  type ExecRequest,
  failOnLeft,
  revertSteps,
} from "@keelson/runtime-core/ports";
import { runCommand } from "../oci/exec.ts";
import { OciRuntime } from "../oci/oci-runtime.ts";
import { admitContainer, buildExecProcess, criSignal } from "../spec/index.ts";
import type { ContainerDeps } from "./container-tools.ts";
import { containerSteps, createSteps, startSteps } from "./create.ts";
import { inspectContainer } from "./inspect.ts";
import { readBundleProcess } from "./read-bundle.ts";
import { recordedBundle, recordedRun } from "./recorded-steps.ts";
import { reopenLog } from "./reopen-log.ts";
import type { RunningContainer, RunningContainers } from "./running-containers.ts";
import { sendStopSignal } from "./send-stop-signal.ts";
import { mountedImages, shownMounts } from "./steps/mount-images.ts";
import { type RunMonitorFacts, runMonitorName } from "./steps/run-monitor.ts";
import { type WriteBundleFacts, writeBundleName } from "./steps/write-bundle.ts";
import { updateResources } from "./update-resources.ts";

const SIGTERM = 15;

/** Containers by conmon and an OCI runtime, on overlay snapshots. */
export function linuxContainers(deps: ContainerDeps, running: RunningContainers): ContainerEngine {
  /** @throws FAILED_PRECONDITION */
  const runningOf = (id: string, what: string): RunningContainer => {
    const container = running.get(id);
    if (container?.init?.isRunning() === true) return container;
    throw failedPrecondition(`${what} container ${id}: it does not run`);
  };
  return {
    admit: (config, sandbox) => {
      admitContainer(config, sandbox.config, deps.factsOf(sandbox.runtimeHandler));
    },

    create: async (record, sandbox, journal, task) => {
      const tools = { ...deps, subject: { record, sandbox } };
      const made = await applySteps({ steps: createSteps, subject: tools.subject, tools, journal, task });
      const facts = made.get(writeBundleName) as WriteBundleFacts;
      return {
        mounts: shownMounts(record.config.mounts, mountedImages(made)),
        user: containerUser(facts),
        stopSignal: criSignal(facts.stopSignal),
      };
    },

    start: async (record, sandbox, journal, task) => {
      const { id } = record;
      const tools = { ...deps, subject: { record, sandbox } };
      const steps = { steps: startSteps, subject: tools.subject, tools, journal, task };
      const made = await applySteps(steps).catch((error: unknown) => {
        throw createFailure(error);
      });
      const facts = made.get(runMonitorName) as RunMonitorFacts;
      const run = recordedRun(journal.steps);
      const monitor = deps.monitors.get(id);
      if (run === undefined || monitor === undefined) throw new Error(`start container ${id}: its run is not recorded`);
      deps.monitors.delete(id);
      running.add(run.plan, facts, monitor);
      return { startedAtNs: BigInt(facts.startedAtNs), pid: facts.init.pid };
    },

    signal: async (record, signal) => {
      const init = running.get(record.id)?.init;
      if (signal === "kill") running.kill(record.id);
      else if (init !== undefined) {
        await sendStopSignal(init, recordedBundle(record.steps)?.facts?.stopSignal ?? SIGTERM);
      }
    },

    remove: async (record, journal, progress) => {
      await running.drop(record.id);
      const left = await revertSteps({ steps: containerSteps, tools: deps, journal, until: "remove", progress });
      failOnLeft(`remove container ${record.id}`, left);
    },

    exec: async (record: ContainerRecord, request: ExecRequest) => {
      const { plan, facts } = runningOf(record.id, "exec in");
      return await runCommand(
        { conmon: deps.conmon, runtime: new OciRuntime(plan.runtime), layout: deps.cgroupLayout() },
        {
          id: record.id,
          process: buildExecProcess({ container: await readBundleProcess(plan.bundle), command: request.command }),
          cgroup: facts.cgroup,
          workFolder: deps.paths.execFolder(record.id),
          timeoutMs: request.timeoutMs,
          signal: request.signal,
        },
      );
    },

    reopenLog: async (record, sandbox) => {
      const { plan, facts } = runningOf(record.id, "reopen the log of");
      await reopenLog({
        id: record.id,
        bundle: plan.bundle,
        monitor: facts.monitor,
        logFolder: sandbox?.config.logDirectory ?? dirname(record.logPath),
        logPath: record.logPath,
      });
    },

    updateResources: (record) => updateResources(record, deps, running),

    inspect: (record) => inspectContainer(record, running.get(record.id)),
  };
}

function containerUser({
  uid,
  gid,
  additionalGids,
}: Pick<WriteBundleFacts, "uid" | "gid" | "additionalGids">): ContainerUser {
  const linux = { uid: BigInt(uid), gid: BigInt(gid), supplementalGroups: additionalGids.map((one) => BigInt(one)) };
  return create(ContainerUserSchema, { linux });
}
