import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { failedPrecondition } from "@keelson/cri-api/errors";
import type { ContainerRecord } from "@keelson/runtime-core/ports";
import { type LimitFile, limitFiles } from "../cgroup/limit-files.ts";
import { readLimits, writeLimits } from "../cgroup/write-limits.ts";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import { cgroupFolder } from "../oci/container-cgroup.ts";
import { OciRuntime } from "../oci/oci-runtime.ts";
import { buildResources, parseSpec, type Resources, type Spec, serializeSpec } from "../spec/index.ts";
import { namedNumbers, numberOf } from "../stats/cgroup-text.ts";
import { readKernelFile } from "../stats/read-kernel-file.ts";
import { isErrno } from "../sys/syscall-error.ts";
import type { ContainerDeps } from "./container-tools.ts";
import { recordedBundle, recordedRun } from "./recorded-steps.ts";
import type { RunningContainer, RunningContainers } from "./running-containers.ts";

type Limits = Omit<Resources, "devices">;

/**
 * Makes the resources of the record's configuration hold: in the cgroup of a running container, and in the bundle, for a
 * start that is to come and for who reads it.
 *
 * Limits are written into the cgroup's files: what was there can be put back exactly, runc 1.1 leaves huge pages out, and
 * crun 1.8 can't take a quota away on v1. Besides, the OCI runtime's `update` is asked where something else has to know:
 * systemd, which would set its own again, and for the weight on v2.
 * @throws FAILED_PRECONDITION when it has ended, or a limit is below what is in use; INVALID_ARGUMENT for what the kernel
 *   does not take. Then everything is as before
 */
export async function updateResources(
  record: ContainerRecord,
  deps: Pick<ContainerDeps, "cgroupLayout" | "facts">,
  running: Pick<RunningContainers, "get">,
): Promise<void> {
  const { id } = record;
  const bundle = recordedBundle(record.steps)?.plan.bundle;
  if (bundle === undefined) throw failedPrecondition(`update container ${id}: it has no bundle`);
  const spec = await readSpec(id, bundle);
  const { devices, ...before } = spec.linux.resources;
  const { resources: wanted } = buildResources(record.config.linux?.resources, deps.facts);
  const changed: Spec = { ...spec, linux: { ...spec.linux, resources: { devices, ...wanted } } };
  const container = running.get(id);
  if (container?.init?.isRunning() === true) {
    await applyToRunning(container, { before, wanted, layout: deps.cgroupLayout() }, () =>
      replaceSpec(bundle, changed),
    );
  } else if (recordedRun(record.steps) === undefined) await replaceSpec(bundle, changed);
  else throw failedPrecondition(`update container ${id}: it does not run any more`);
}

interface Change {
  readonly before: Limits;
  readonly wanted: Limits;
  readonly layout: CgroupLayout;
}

/** Sets limits and does what goes with them; puts the former ones back when something fails. */
async function applyToRunning(
  container: RunningContainer,
  { before, wanted, layout }: Change,
  then: () => Promise<void>,
): Promise<void> {
  const path = relative(cgroupFolder(layout, "/"), container.facts.cgroup);
  const files = limitFiles(wanted, layout.version);
  const weight: readonly LimitFile[] =
    layout.version === 2 && wanted.cpu?.shares !== undefined
      ? [{ controller: "cpu", name: "cpu.weight", value: "" }]
      : [];
  const former = await readLimits(layout, path, [...files, ...weight]);
  await refuseKilling(container, wanted, layout);
  try {
    await tellRuntime(container, wanted, layout);
    await writeLimits(layout, path, files);
    await then();
  } catch (error) {
    if (container.init?.isRunning() !== true)
      throw failedPrecondition("update: the container has ended", { cause: error });
    if (container.plan.runtime.systemdCgroup) await tellRuntime(container, undoing(wanted, before), layout);
    await writeLimits(layout, path, former);
    throw error;
  }
}

/** v2 takes a limit below what is in use, and kills; v1 refuses it. Page cache can be given back. */
async function refuseKilling(
  { plan, facts }: RunningContainer,
  { memory }: Limits,
  layout: CgroupLayout,
): Promise<void> {
  const limit = memory?.limit ?? -1n;
  if (layout.version === 1 || limit < 0n) return;
  const usage = numberOf(await readKernelFile(join(facts.cgroup, "memory.current"))) ?? 0n;
  const cache = namedNumbers(await readKernelFile(join(facts.cgroup, "memory.stat"))).get("file") ?? 0n;
  if (usage - cache <= limit) return;
  throw failedPrecondition(
    `update container ${plan.id}: ${usage - cache} bytes are in use, the limit asked for is ${limit}`,
    {
      hint: "a limit can't go below what is in use",
    },
  );
}

async function tellRuntime({ plan }: RunningContainer, limits: Limits, layout: CgroupLayout): Promise<void> {
  const { systemdCgroup } = plan.runtime;
  const shares = layout.version === 2 ? limits.cpu?.shares : undefined;
  if (!systemdCgroup && shares === undefined) return;
  const file = join(plan.bundle, "resources.json");
  await writeFile(file, serializeSpec(systemdCgroup || shares === undefined ? limits : { cpu: { shares } }), {
    mode: 0o600,
  });
  try {
    await new OciRuntime(plan.runtime).update(plan.id, file);
  } finally {
    await rm(file, { force: true });
  }
}

/** The limits of before, and what a cgroup has by itself for those that were not set then. */
function undoing(wanted: Limits, before: Limits): Limits {
  const cpu = { ...(wanted.cpu && { shares: 1024n, quota: -1n, period: 100_000n }), ...before.cpu };
  const unlimited = { limit: -1n, ...(wanted.memory?.swap === undefined ? {} : { swap: -1n }) };
  const memory = { ...(wanted.memory && unlimited), ...before.memory };
  return { ...before, ...(wanted.cpu && { cpu }), ...(wanted.memory && { memory }) };
}

async function readSpec(id: string, bundle: string): Promise<Spec> {
  try {
    return parseSpec(await readFile(join(bundle, "config.json"), "utf8"));
  } catch (cause) {
    if (!isErrno(cause, "ENOENT")) throw cause;
    throw failedPrecondition(`update container ${id}: its bundle is gone, as after a reboot`, { cause });
  }
}

async function replaceSpec(bundle: string, spec: Spec): Promise<void> {
  const file = join(bundle, "config.json");
  await writeFile(`${file}.new`, serializeSpec(spec), { mode: 0o600 });
  await rename(`${file}.new`, file);
}
