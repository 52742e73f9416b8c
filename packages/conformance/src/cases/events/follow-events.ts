import type { ContainerEventResponse, ContainerEventType } from "@keelson/cri-api/v1";
import { ExpectationError } from "../../assert/expect.ts";
import type { Stage } from "../../stage/stage.ts";

export interface FollowedEvents {
  /** What was told of the objects so far, in order. */
  of(...ids: readonly string[]): readonly ContainerEventResponse[];
  /** The types of what was told of an object so far, in order. */
  types(id: string): readonly ContainerEventType[];
  /** Waits for an event. @throws what the stream ends with */
  until(id: string, type: ContainerEventType): Promise<ContainerEventResponse>;
}

/** Opens the stream of events. It says nothing when it is open; calls that are made later are told. */
export function followEvents({ cri, until }: Pick<Stage, "cri" | "until">): FollowedEvents {
  const told: ContainerEventResponse[] = [];
  let end: unknown;
  const follow = async (): Promise<void> => {
    for await (const event of cri.getContainerEvents({})) told.push(event);
  };
  void follow().then(
    () => {
      end = new ExpectationError("the stream of events has ended");
    },
    (error: unknown) => {
      end = error;
    },
  );
  return {
    of: (...ids) => told.filter(({ containerId }) => ids.includes(containerId)),
    types: (id) => told.filter(({ containerId }) => containerId === id).map((one) => one.containerEventType),
    until: (id, type) =>
      until(`the event ${type} of ${id}`, () => {
        const found = told.find((one) => one.containerId === id && one.containerEventType === type);
        if (found === undefined && end !== undefined) throw end;
        return found;
      }),
  };
}
