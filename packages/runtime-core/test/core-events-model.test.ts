import { type ContainerEventResponse, ContainerEventType } from "@keelson/cri-api/v1";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { type CoreHarness, containerConfig, openCore, podConfig } from "./core-harness.ts";
import { EventReader } from "./read-events.ts";

const { CONTAINER_CREATED_EVENT: created, CONTAINER_DELETED_EVENT: deleted } = ContainerEventType;

type Act = readonly [what: "run" | "create" | "start" | "stop" | "remove" | "stop-pod" | "remove-pod", pod: number];

const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.tuple(
    fc.constantFrom("run", "create", "create", "start", "start", "stop", "remove", "stop-pod", "remove-pod"),
    fc.nat(2),
  ),
  { minLength: 5, maxLength: 40 },
);

/** What somebody knows who has seen these events and nothing else: state by ID. */
function fold(events: readonly ContainerEventResponse[]): ReadonlyMap<string, number> {
  const known = new Map<string, number>();
  for (const { containerId, containerEventType, podSandboxStatus, containersStatuses } of events) {
    for (const { id, state } of containersStatuses) known.set(id, state);
    if (podSandboxStatus !== undefined) known.set(podSandboxStatus.id, podSandboxStatus.state);
    if (containerEventType === deleted) known.delete(containerId);
  }
  return known;
}

/** Does something to one of three pods, whatever comes of it. */
async function act({ runtime, core }: CoreHarness, [what, index]: Act): Promise<void> {
  const name = `pod-${index}`;
  const pod = core.sandboxes.all().find(({ config }) => config.metadata?.name === name);
  const podSandboxId = pod?.id ?? "none";
  const main = core.containers.all().findLast(({ sandboxId }) => sandboxId === podSandboxId);
  const containerId = main?.id ?? "none";
  const attempt = core.containers.size;
  const calls = {
    run: () => runtime.runPodSandbox({ config: podConfig(name) }),
    create: () =>
      runtime.createContainer({
        podSandboxId,
        config: containerConfig("main", { metadata: { name: "main", attempt } }),
      }),
    start: () => runtime.startContainer({ containerId }),
    stop: () => runtime.stopContainer({ containerId }),
    remove: () => runtime.removeContainer({ containerId }),
    "stop-pod": () => runtime.stopPodSandbox({ podSandboxId }),
    "remove-pod": () => runtime.removePodSandbox({ podSandboxId }),
  };
  await calls[what]().catch(() => {});
}

describe("events", () => {
  it("tell all that lists show, and nothing twice, whatever is done at once", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(acts, fc.boolean(), async (all, atOnce) => {
        const harness = await openCore();
        const reader = new EventReader(harness.runtime);
        if (atOnce) await Promise.all(all.map((one) => act(harness, one)));
        else for (const one of all) await act(harness, one);
        const { items } = await harness.runtime.listPodSandbox({});
        const { containers } = await harness.runtime.listContainers({});
        const listed = new Map([...items, ...containers].map(({ id, state }) => [id, state as number]));
        await vi.waitFor(() => expect(fold(reader.events)).toEqual(listed));
        await harness.core.close();
        const told = reader.events.map((event) => `${event.containerEventType} ${event.containerId}`);
        expect(new Set(told).size).toBe(told.length);
        for (const id of new Set(reader.events.map(({ containerId }) => containerId))) {
          const types = reader.events.flatMap((one) => (one.containerId === id ? [one.containerEventType] : []));
          expect(types[0]).toBe(created);
          expect(types).toEqual(types.toSorted((a, b) => a - b));
        }
      }),
      { numRuns: 40 },
    );
  });
});
