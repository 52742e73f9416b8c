import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { failedPrecondition, quote } from "@keelson/cri-api/errors";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from "@keelson/cri-api/v1";
import { checkContainerValues, checkSandboxValues } from "./check-values.ts";
import type { HostFacts, Reported } from "./host-facts.ts";
import { configRules } from "./rules/config-rules.ts";
import { mountRules } from "./rules/mount-rules.ts";
import { namespaceRules } from "./rules/namespace-rules.ts";
import { resourceRules } from "./rules/resource-rules.ts";
import type { FieldRule, RuleContext, RuleTable } from "./rules/rule.ts";
import { securityRules } from "./rules/security-rules.ts";

/** Every message whose fields each have a rule. */
export const ruleTables: readonly RuleTable[] = [
  ...configRules,
  ...securityRules,
  ...namespaceRules,
  ...mountRules,
  ...resourceRules,
];

const tableOf: ReadonlyMap<string, RuleTable> = new Map(ruleTables.map((table) => [table.message.typeName, table]));

/** A rule for people and documents. */
export interface FieldRuleRow {
  /** The field's full name in the protocol, as `runtime.v1.Mount.host_path`. */
  readonly field: string;
  readonly verdict: FieldRule<unknown, unknown>["verdict"];
  readonly text: string;
  /** Of `refused`: the call that does so, where the field is taken by all others. */
  readonly call?: string;
}

/** What rules say, in the order of the protocol's fields. Default: the whole list of default deny. */
export function listFieldRules(tables: readonly RuleTable[] = ruleTables): FieldRuleRow[] {
  return tables.flatMap(({ message, rules }) =>
    message.fields.map((field) => {
      const rule = ruleOf(rules, field);
      const { verdict, text } = rule;
      const row = { field: `${message.typeName}.${field.name}`, verdict, text };
      return rule.verdict === "refused" && rule.call !== undefined ? { ...row, call: rule.call } : row;
    }),
  );
}

/**
 * Default deny for a sandbox. It looks at the configuration and at nothing else.
 * @returns what was asked for and is ignored, for a written reason
 * @throws INVALID_ARGUMENT for a value that means nothing; FAILED_PRECONDITION naming the first field whose value asks
 *   for more than is kept
 */
export function admitSandbox(config: PodSandboxConfig, facts: HostFacts): Reported[] {
  checkSandboxValues(config, facts);
  return walk(PodSandboxConfigSchema, config, { facts, sandbox: config, container: undefined });
}

/** As {@link admitSandbox}, for a container; `sandbox` is what the sandbox was made with. */
export function admitContainer(config: ContainerConfig, sandbox: PodSandboxConfig, facts: HostFacts): Reported[] {
  checkContainerValues(config);
  return walk(ContainerConfigSchema, config, { facts, sandbox, container: config });
}

/** Depth first, in the order of the fields; a message without a table of its own is its field's affair. */
function walk(desc: DescMessage, message: Message, at: RuleContext, path = ""): Reported[] {
  const table = tableOf.get(desc.typeName);
  if (table === undefined) return [];
  const reported = unknownFields(message, path);
  for (const field of desc.fields) {
    const value = (message as unknown as Record<string, unknown>)[field.localName];
    const name = path === "" ? field.name : `${path}.${field.name}`;
    const rule = ruleOf(table.rules, field);
    if (rule.verdict === "ignored") {
      if (!isUnset(value) && rule.asksNothing?.(at) !== true)
        reported.push({ field: name, value: show(field, value), why: rule.text });
      continue;
    }
    if (rule.verdict === "refused" && rule.call !== undefined) {
      if (!isUnset(value))
        reported.push({ field: name, value: show(field, value), why: `${rule.text}: ${rule.call} is not served` });
      continue;
    }
    const why = rule.refuse?.(value, at, message);
    if (why !== undefined) throw failedPrecondition(`admit ${name}: value is ${show(field, value)}, ${why}`);
    for (const [child, key] of messagesOf(field, value)) {
      reported.push(...walk(child.desc, child.message, at, `${name}${key}`));
    }
  }
  return reported;
}

function ruleOf(rules: RuleTable["rules"], field: DescField): FieldRule<unknown, unknown> {
  const rule = rules[field.localName];
  if (rule === undefined) throw new Error(`admit: no rule for ${field.toString()}`);
  return rule;
}

interface Child {
  readonly desc: DescMessage;
  readonly message: Message;
}

function messagesOf(field: DescField, value: unknown): [Child, string][] {
  if (field.fieldKind === "message" && value !== undefined) {
    return [[{ desc: field.message, message: value as Message }, ""]];
  }
  if (field.fieldKind !== "list" || field.listKind !== "message") return [];
  const { message: desc } = field;
  return (value as Message[]).map((message, index) => [{ desc, message }, `[${index}]`]);
}

/** Fields that this protocol does not know yet can't be judged; a newer client must not be shut out for a hint. */
function unknownFields(message: Message, path: string): Reported[] {
  return (message.$unknown ?? []).map(({ no }) => ({
    field: path === "" ? `field ${no}` : `${path} field ${no}`,
    value: "set",
    why: "this version does not know the field",
  }));
}

function isUnset(value: unknown): boolean {
  if (typeof value === "object" && value !== null && !("$typeName" in value)) return Object.keys(value).length === 0;
  return value === undefined || value === "" || value === 0 || value === 0n || value === false;
}

function show(field: DescField, value: unknown): string {
  if (field.fieldKind === "enum") return field.enum.value[Number(value)]?.name ?? String(value);
  if (field.fieldKind === "scalar") return typeof value === "string" ? quote(value) : String(value);
  const json = JSON.stringify(value, (key, member: unknown) => {
    if (key === "$typeName" || key === "$unknown") return undefined;
    return typeof member === "bigint" ? member.toString() : member;
  });
  if (json === undefined) return "unset";
  const text = json.replaceAll(/[\u007f-\u009f]/g, "?");
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
