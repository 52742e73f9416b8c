import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { ContainerConfig, PodSandboxConfig } from "@keelson/cri-api/v1";
import type { HostFacts } from "../host-facts.ts";

/** Where a rule is asked. */
export interface RuleContext {
  readonly facts: HostFacts;
  readonly sandbox: PodSandboxConfig;
  /** Undefined while a sandbox is admitted. */
  readonly container: ContainerConfig | undefined;
}

/** Why a value can't be kept: the end of the sentence `value is …, `; undefined when it can. */
export type Refuse<M, Value> = (value: Value, at: RuleContext, message: M) => string | undefined;

/** Whether the field, whatever its value, means nothing on this host, so that there is nothing to tell. */
export type AsksNothing = (at: RuleContext) => boolean;

/**
 * What becomes of a field of the CRI (default deny): *honoured* somewhere, perhaps not with every value; *refused* with
 * every value but the one that asks for nothing, at once or, where it means something to one call alone, by that call;
 * *ignored*, for a written reason.
 */
export type FieldRule<M, Value> =
  | { readonly verdict: "honoured"; readonly text: string; readonly refuse?: Refuse<M, Value> }
  | { readonly verdict: "refused"; readonly text: string; readonly refuse: Refuse<M, Value>; readonly call?: never }
  | { readonly verdict: "refused"; readonly text: string; readonly refuse?: never; readonly call: string }
  | { readonly verdict: "ignored"; readonly text: string; readonly asksNothing?: AsksNothing };

/** A rule for every field: a field that the protocol gains does not compile without one. */
export type MessageRules<M extends Message> = {
  readonly [Field in Exclude<keyof M, "$typeName" | "$unknown">]-?: FieldRule<M, M[Field]>;
};

/** The rules of one message, with the types of its fields forgotten. */
export interface RuleTable {
  readonly message: DescMessage;
  readonly rules: Readonly<Record<string, FieldRule<unknown, unknown>>>;
}

/** @param text what keeps the field, and with which exceptions */
export function honoured<M, Value>(text: string, refuse?: Refuse<M, Value>): FieldRule<M, Value> {
  return refuse === undefined ? { verdict: "honoured", text } : { verdict: "honoured", text, refuse };
}

/** @param text which values are refused */
export function refused<M, Value>(text: string, refuse: Refuse<M, Value>): FieldRule<M, Value> {
  return { verdict: "refused", text, refuse };
}

/** @param call by its name in the proto; it is UNIMPLEMENTED. @param text what the field means to it */
export function refusedByCall<M, Value>(call: string, text: string): FieldRule<M, Value> {
  return { verdict: "refused", text, call };
}

/** @param text the reason */
export function ignored<M, Value>(text: string, asksNothing?: AsksNothing): FieldRule<M, Value> {
  return asksNothing === undefined ? { verdict: "ignored", text } : { verdict: "ignored", text, asksNothing };
}

/** Ties rules to the message that the generated descriptor describes. */
export function ruleTable<M extends Message>(message: DescMessage, rules: MessageRules<M>): RuleTable {
  return { message, rules: rules as unknown as RuleTable["rules"] };
}
