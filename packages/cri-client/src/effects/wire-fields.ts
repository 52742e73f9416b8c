import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { file_runtime_v1alpha2_api } from "@keelson/cri-api/v1alpha2";
import type { CriVersion } from "@keelson/cri-api/versions";

const oldMessages: ReadonlyMap<string, DescMessage> = new Map(
  file_runtime_v1alpha2_api.messages.map((message) => [message.name, message]),
);

/** Whether the version's protocol has this field of a v1 message: v1alpha2's are v1's by name and number. */
export function isInVersion(version: CriVersion, field: DescField): boolean {
  if (version === "v1") return true;
  return oldMessages.get(field.parent.name)?.fields.some((old) => old.number === field.number) ?? false;
}
