import { type AnyStep, step } from "@keelson/runtime-core/ports";
import type { ContainerSubject, ContainerTools } from "../container-tools.ts";

export type HoldImagePlan = { readonly image: string; readonly holder: string };

export const holdImageName = "hold-image";

/** Keeps the image's content on the node until the container is removed. */
export const holdImage: AnyStep<ContainerSubject, ContainerTools> = step<
  ContainerSubject,
  ContainerTools,
  HoldImagePlan,
  Record<string, never>
>({
  name: holdImageName,
  heldUntil: "remove",
  plan: ({ record }) => ({ image: record.image.id, holder: record.id }),
  apply: async (plan, tools) => {
    await tools.images.hold(plan.image, plan.holder);
    return {};
  },
  revert: (plan, _facts, tools) => tools.images.release(plan.image, plan.holder),
});
