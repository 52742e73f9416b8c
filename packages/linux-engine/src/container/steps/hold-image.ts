import { type AnyStep, type Json, step } from "@keelson/runtime-core/ports";
import type { ContainerSubject, ContainerTools } from "../container-tools.ts";

export type HoldImagePlan = { readonly image: string; readonly holder: string };

/** `volumes`: those that the image names, where it names some. */
export type HoldImageFacts = { readonly volumes?: readonly string[] };

export const holdImageName = "hold-image";

/** Keeps the image's content on the node until the container is removed. */
export const holdImage: AnyStep<ContainerSubject, ContainerTools> = step<
  ContainerSubject,
  ContainerTools,
  HoldImagePlan,
  HoldImageFacts
>({
  name: holdImageName,
  heldUntil: "remove",
  plan: ({ record }) => ({ image: record.image.id, holder: record.id }),
  apply: async (plan, tools) => {
    await tools.images.hold(plan.image, plan.holder);
    const { volumes = [] } = await tools.images.processConfig(plan.image);
    return volumes.length === 0 ? {} : { volumes };
  },
  revert: (plan, _facts, tools) => tools.images.release(plan.image, plan.holder),
});

/** The volumes that the held image names. */
export function volumesOf(facts: ReadonlyMap<string, Json>): readonly string[] {
  return (facts.get(holdImageName) as HoldImageFacts | undefined)?.volumes ?? [];
}
