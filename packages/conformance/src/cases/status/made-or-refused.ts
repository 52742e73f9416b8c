import type { CriErrorCode } from "@keelson/cri-api/errors";
import { ContainerState } from "@keelson/cri-api/v1";
import { expect, expectFailure } from "../../assert/expect.ts";
import type { Container, ContainerOptions } from "../../stage/container.ts";
import type { Pod } from "../../stage/pod.ts";
import type { Stage } from "../../stage/stage.ts";

// What not every runtime and not every node can do is made as asked, or refused with a message that names what was asked
// for. Whether what was made is as asked is left to the case.

/** containerd and CRI-O answer Unknown where FailedPrecondition is meant. */
const refusals: readonly CriErrorCode[] = ["FAILED_PRECONDITION", "UNKNOWN"];

async function madeOrRefused<T>(making: Promise<T>, named: RegExp): Promise<T | undefined> {
  try {
    return await making;
  } catch (error) {
    await expectFailure(Promise.reject(error), refusals, named);
    return undefined;
  }
}

/** Runs a pod. @returns whether it runs; when it was refused, nothing is left of it */
export async function runOrRefused({ cri }: Pick<Stage, "cri">, pod: Pod, named: RegExp): Promise<boolean> {
  if ((await madeOrRefused(pod.run(), named)) !== undefined) return true;
  const uid = pod.config.metadata?.uid;
  const { items } = await cri.listPodSandbox({});
  expect(
    items.filter(({ metadata }) => metadata?.uid === uid),
    "left of a refused pod",
  ).toEqual([]);
  return false;
}

/** Starts a container. @returns undefined when it was refused; then nothing is left of it that could run */
export async function startOrRefused(
  { cri }: Pick<Stage, "cri">,
  pod: Pod,
  options: ContainerOptions,
  named: RegExp,
): Promise<Container | undefined> {
  const before = await containersOf({ cri }, await pod.run());
  const c = await madeOrRefused(pod.create(options), named);
  if (c === undefined) {
    expect(await containersOf({ cri }, pod.id), "with what is left of a refused container").toEqual(before);
    return undefined;
  }
  if (
    (await madeOrRefused(
      c.start().then(() => true),
      named,
    )) !== undefined
  )
    return c;
  // what only the OCI runtime refuses is there by then
  expect((await c.status()).state).toBe(ContainerState.CONTAINER_EXITED);
  return undefined;
}

async function containersOf({ cri }: Pick<Stage, "cri">, podSandboxId: string): Promise<readonly string[]> {
  const { containers } = await cri.listContainers({ filter: { podSandboxId } });
  return containers.map(({ id }) => id).toSorted();
}
