import type { Client } from "@connectrpc/connect";
import { type ContainerEventResponse, ContainerEventType, type RuntimeService } from "@keelson/cri-api/v1";

const shortNames: Readonly<Record<number, string>> = {
  [ContainerEventType.CONTAINER_CREATED_EVENT]: "created",
  [ContainerEventType.CONTAINER_STARTED_EVENT]: "started",
  [ContainerEventType.CONTAINER_STOPPED_EVENT]: "stopped",
  [ContainerEventType.CONTAINER_DELETED_EVENT]: "deleted",
};

/** A caller that reads all events as they come. */
export class EventReader {
  readonly events: ContainerEventResponse[] = [];
  /** What the stream failed with; undefined for an end with OK. */
  readonly ended: Promise<unknown>;
  readonly #controller = new AbortController();
  #wake: () => void = () => {};

  constructor(runtime: Pick<Client<typeof RuntimeService>, "getContainerEvents">) {
    this.ended = this.#read(runtime).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  /** `created ID`, in order: waits until there are so many. */
  async told(count: number): Promise<string[]> {
    while (this.events.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.events.map(({ containerId, containerEventType }) => `${shortNames[containerEventType]} ${containerId}`);
  }

  leave(): void {
    this.#controller.abort();
  }

  async #read(runtime: Pick<Client<typeof RuntimeService>, "getContainerEvents">): Promise<void> {
    for await (const event of runtime.getContainerEvents({}, { signal: this.#controller.signal })) {
      this.events.push(event);
      this.#wake();
    }
  }
}
