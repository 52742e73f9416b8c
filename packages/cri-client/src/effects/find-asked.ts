import type { DescMessage } from "@bufbuild/protobuf";
import { ContainerConfigSchema, MountSchema, PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import type { Circumstances, SecurityEffect } from "./effect.ts";
import type { Path, Place } from "./places.ts";
import { containerEffects, mountEffects, podEffects } from "./security-effects.ts";

/** An effect that a value in a request asks for. */
export interface Asked {
  readonly effect: Pick<SecurityEffect<never>, "name" | "fields" | "broughtIn" | "withPlace">;
  /** To the message that the effect's fields are fields of, and what that message is. */
  readonly path: Path;
  readonly schema: DescMessage;
  kept(circumstances: Circumstances): boolean;
}

/** What the values in these configurations ask for, in the order of the tables. */
export function findAsked(places: readonly Place[]): Asked[] {
  const asked: Asked[] = [];
  for (const { kind, path, config } of places) {
    const schema = kind === "pod" ? PodSandboxConfigSchema : ContainerConfigSchema;
    add(asked, podEffects, config, () => path, schema);
    if (kind === "pod") continue;
    add(asked, containerEffects, config, () => path, schema);
    for (const [index, mount] of config.mounts.entries()) {
      add(asked, mountEffects, mount, () => [...path, "mounts", index], MountSchema);
    }
  }
  return asked;
}

function add<Message>(
  asked: Asked[],
  effects: readonly SecurityEffect<Message>[],
  message: Message,
  pathOf: () => Path,
  schema: DescMessage,
): void {
  for (const effect of effects) {
    if (!effect.asked(message)) continue;
    asked.push({ effect, path: pathOf(), schema, kept: (circumstances) => effect.kept(circumstances, message) });
  }
}
