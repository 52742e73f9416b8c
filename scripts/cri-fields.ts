// What becomes of each field of runtime.v1, engine by engine: the data behind docs/reference/cri-fields.md. Cases of the
// conformance suite say what they cover, engines say beside their code what they refuse, record and ignore, and calls
// that an engine has no verb for are asked of the running engine (cri-fields-served.ts).
import { missingCapabilities } from "../packages/conformance/src/run/missing-capabilities.ts";
import { selectCases } from "../packages/conformance/src/run/select-cases.ts";
import { targetCapabilities } from "../packages/conformance/test/target-capabilities.ts";
import { file_runtime_v1_api } from "../packages/cri-api/src/gen/runtime/v1/api_pb.ts";
import { type Declaration, declarationsOf, type EngineName } from "./cri-fields-declared.ts";
import { readFacts } from "./cri-fields-facts.ts";
import { type FieldDesc, isWindows, type MessageDesc } from "./cri-fields-ignorable.ts";

export type Verdict = "honoured" | "recorded" | "refused" | "ignored";

/** What one engine makes of one field. */
export interface FieldCell {
  /** `Mount.host_path` */
  readonly field: string;
  readonly engine: EngineName;
  /** Undefined: no case covers it and nobody has said what becomes of it, which is an error. */
  readonly verdict: Verdict | undefined;
  /** Cases that cover the field and run on the engine, by ID; first those that cover the fewest fields. */
  readonly cases: readonly string[];
  /** Of `refused`: FAILED_PRECONDITION, INVALID_ARGUMENT or UNIMPLEMENTED. */
  readonly code?: string;
  /** Why, or which values. */
  readonly text: string;
}

export const engines: readonly EngineName[] = ["simulated", "linux"];

/** The messages that calls carry, by the calls; in the order of the proto. */
export function reachableMessages(): ReadonlyMap<MessageDesc, ReadonlySet<string>> {
  const calls = new Map<MessageDesc, Set<string>>();
  const visit = (message: MessageDesc, call: string): void => {
    const found = calls.get(message) ?? new Set();
    if (found.has(call)) return;
    calls.set(message, found.add(call));
    for (const field of message.fields) if (field.message !== undefined) visit(field.message, call);
  };
  for (const { methods } of file_runtime_v1_api.services) {
    for (const { name, input, output } of methods) {
      visit(input, name);
      visit(output, name);
    }
  }
  return new Map(
    file_runtime_v1_api.messages.flatMap((message) => {
      const found = calls.get(message);
      return found === undefined ? [] : [[message, found] as const];
    }),
  );
}

/** Every field of every message that a call carries, once for each engine. */
export function fieldTable(): readonly FieldCell[] {
  return engines.flatMap((engine) => tableOf(engine));
}

type Verdicted = Pick<FieldCell, "verdict" | "code" | "text">;

function tableOf(engine: EngineName): FieldCell[] {
  const messages = reachableMessages();
  const covered = coveringCases(engine);
  const unserved = Object.keys(readFacts().unserved[engine]);
  const declared = declarationsOf(engine);
  const carriers = carryingFields(messages.keys());

  const verdictOf = (message: MessageDesc, field: FieldDesc): Verdicted => {
    const name = nameOf(message, field);
    if (isWindows(message, field)) return { verdict: "ignored", text: "for nodes with Windows" };
    const calls = [...(messages.get(message) ?? [])];
    if (calls.every((call) => unserved.includes(call))) {
      return { verdict: "refused", code: "UNIMPLEMENTED", text: calls.join(", ") };
    }
    const said = declared.get(name);
    if (said !== undefined) return ofDeclaration(name, said, unserved);
    // parts of what is refused are refused with it, and what has only parts that are
    const whole = (carriers.get(message) ?? []).map((carrier) => declared.get(carrier));
    const parts = field.message?.fields.map((part) => declared.get(nameOf(part.parent, part))) ?? [];
    const [same] = [whole, parts].flatMap(allAlike);
    if (same !== undefined) return ofDeclaration(name, same, unserved);
    return { verdict: covered.has(name) ? "honoured" : undefined, text: "" };
  };

  return [...messages.keys()].flatMap((message) =>
    message.fields.map((field) => {
      const name = nameOf(message, field);
      return { field: name, engine, cases: covered.get(name) ?? [], ...verdictOf(message, field) };
    }),
  );
}

/** The declaration that all are, but for their words; what is recorded is shown part by part. */
function allAlike([first, ...others]: readonly (Declaration | undefined)[]): readonly Declaration[] {
  if (first === undefined || first.verdict === "recorded") return [];
  return others.every((one) => one?.verdict === first.verdict && one.code === first.code) ? [first] : [];
}

function nameOf(message: MessageDesc, field: FieldDesc): string {
  return `${message.name}.${field.name}`;
}

function ofDeclaration(field: string, declared: Declaration, unserved: readonly string[]): Verdicted {
  const { verdict, text, code, call } = declared;
  if (call === undefined) return code === undefined ? { verdict, text } : { verdict, code, text };
  if (!unserved.includes(call)) throw new Error(`${field} is refused by ${call}, and ${call} is served`);
  return { verdict, code: "UNIMPLEMENTED", text };
}

/** The fields whose value is a message, by that message. */
function carryingFields(messages: Iterable<MessageDesc>): ReadonlyMap<MessageDesc, readonly string[]> {
  const carriers = new Map<MessageDesc, string[]>();
  for (const message of messages) {
    for (const field of message.fields) {
      if (field.message === undefined) continue;
      carriers.set(field.message, [...(carriers.get(field.message) ?? []), nameOf(message, field)]);
    }
  }
  return carriers;
}

/** By field, the cases that cover it and run on the engine; first those that are about the fewest fields. */
function coveringCases(engine: EngineName): ReadonlyMap<string, readonly string[]> {
  const running = selectCases().filter(({ one }) => missingCapabilities(one, capabilitiesOf[engine]).length === 0);
  // not in the order of the suite: that of a module's exports depends on who loads it
  const inOrder = running.toSorted((a, b) => a.one.covers.length - b.one.covers.length || (a.id < b.id ? -1 : 1));
  const covered = new Map<string, string[]>();
  for (const { id, one } of inOrder) {
    for (const field of one.covers) covered.set(field, [...(covered.get(field) ?? []), id]);
  }
  return covered;
}

const capabilitiesOf = { simulated: targetCapabilities.simulated, linux: targetCapabilities.keelsond } as const;
