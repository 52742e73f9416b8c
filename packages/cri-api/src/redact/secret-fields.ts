import type { DescField, DescMessage } from "@bufbuild/protobuf";

// v1alpha2 has the same message without the marks
const unmarkedSecrets: Readonly<Record<string, readonly string[]>> = {
  AuthConfig: ["password", "auth", "identity_token", "registry_token"],
};

/** True for a field whose value must never be shown: marked `debug_redact` in the proto, or the same field of v1alpha2. */
export function isSecretField(field: DescField): boolean {
  return field.proto.options?.debugRedact === true || unmarkedSecrets[field.parent.name]?.includes(field.name) === true;
}

const answers = new WeakMap<DescMessage, boolean>();

/** True when a message of this type, or one within it at any depth, has a secret field. Costs a look-up after the first time. */
export function hasSecrets(schema: DescMessage): boolean {
  const known = answers.get(schema);
  if (known !== undefined) return known;
  const answer = reachesSecret(schema, new Set());
  answers.set(schema, answer);
  return answer;
}

function reachesSecret(schema: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(schema)) return false;
  seen.add(schema);
  return schema.fields.some(
    (field) => isSecretField(field) || (field.message !== undefined && reachesSecret(field.message, seen)),
  );
}
