import type { DescMethod, Message } from "@bufbuild/protobuf";
import { CriError, quote } from "@keelson/cri-api/errors";
import type { CriVersion } from "@keelson/cri-api/versions";
import type { ServerFacts } from "../probe/server-facts.ts";
import { clearEffects } from "./clear-effects.ts";
import { cutToV1alpha2 } from "./cut-to-version.ts";
import { Draft } from "./draft.ts";
import { fillProfiles } from "./fill-profiles.ts";
import { type Asked, findAsked } from "./find-asked.ts";
import { fieldsOf, namePath } from "./name-field.ts";
import { findPlaces, type Places } from "./places.ts";
import { isInVersion } from "./wire-fields.ts";

export interface PrepareInput {
  /** With v1's messages, whatever the version. */
  readonly method: DescMethod;
  readonly request: Message;
  /** What goes over the wire. */
  readonly version: CriVersion;
  /** Asked only when a value in the request needs it; what it rejects with, the preparation rejects with. */
  readonly server: () => Promise<ServerFacts>;
  readonly onUnsupportedField: "refuse" | "drop" | "send";
}

/** A value that is not sent. */
export interface Dropped {
  /** From the request: `config.mounts[0].recursive_read_only`. */
  readonly field: string;
  readonly reason: string;
  /** True where the pod runs otherwise than asked, which only `onUnsupportedField: "drop"` lets happen. */
  readonly security: boolean;
}

export interface Prepared {
  /** The caller's own where nothing had to be changed, else a copy of what was. */
  readonly request: Message;
  readonly dropped: readonly Dropped[];
}

/**
 * What is sent for a request, so that no pod runs weaker than asked: a value whose effect the runtime does not show to
 * keep is refused by name, or dropped and told, or left to the runtime, where the caller has chosen so; profiles stand in
 * their new and their deprecated fields; what else the version's protocol lacks is dropped and told. Never changes the
 * caller's message. Answers at once, without asking the runtime, where no value asks for such an effect, which is the case
 * for ordinary requests.
 * @throws FAILED_PRECONDITION with reason WEAKER_THAN_ASKED, naming every refused field; also as a rejection
 */
export function prepareRequest(input: PrepareInput): Prepared | Promise<Prepared> {
  const found = findPlaces(input.method, input.request);
  const asked = found.places.length === 0 ? [] : findAsked(found.places);
  if (asked.length === 0) return finish(input, found, []);
  const carried = asked.filter((one) => isCarried(one, input.version));
  if (carried.length === 0) return finish(input, found, refusals(input, asked, undefined));
  // left to the runtime; what the version can't carry would be lost without anybody's word
  if (input.onUnsupportedField === "send") {
    const lost = asked.filter((one) => !carried.includes(one));
    return finish(input, found, refusals(input, lost, undefined));
  }
  return input.server().then((facts) => {
    const refused = asked.filter((one) => !carried.includes(one) || !one.kept({ facts, handler: found.handler }));
    return finish(input, found, refusals(input, refused, facts));
  });
}

interface Refusal {
  readonly field: string;
  readonly reason: string;
  readonly asked: Asked;
}

/** One for each field. @throws where refusing is the caller's choice and there is something to refuse */
function refusals(input: PrepareInput, asked: readonly Asked[], facts: ServerFacts | undefined): Refusal[] {
  const byField = new Map<string, Refusal>();
  for (const one of asked) {
    const field = namePath(input.method.input, one.path, one.effect.fields[0]);
    const reason = `asks for ${one.effect.name}, ${because(one, input.version, facts)}`;
    if (!byField.has(field)) byField.set(field, { field, reason, asked: one });
  }
  const refused = [...byField.values()];
  if (refused.length === 0 || input.onUnsupportedField === "drop") return refused;
  const why = refused.map(({ field, reason }) => `${quote(field)} ${reason}`).join("; ");
  throw new CriError("FAILED_PRECONDITION", `refuse ${input.method.name}: ${why}`, {
    reason: "WEAKER_THAN_ASKED",
    hint: 'upgrade the runtime, or set onUnsupportedField: "drop" to run the pod without it',
  });
}

function because(asked: Asked, version: CriVersion, facts: ServerFacts | undefined): string {
  const brought = `brought by Kubernetes 1.${asked.effect.broughtIn}`;
  if (facts === undefined || !isCarried(asked, version)) return `which CRI ${version} can't carry (${brought})`;
  const newest = facts.generation === "before 1.25" ? "is older than 1.25" : `is of ${facts.generation}`;
  return `which this runtime does not show to keep (${brought}; the runtime's newest known call ${newest})`;
}

/** Whether the version has the fields at all. */
function isCarried({ effect, schema }: Asked, version: CriVersion): boolean {
  if (version === "v1") return true;
  return effect.fields.every((names) => fieldsOf(schema, names).every((field) => isInVersion(version, field)));
}

function finish(input: PrepareInput, { places }: Places, refused: readonly Refusal[]): Prepared {
  const { request, version, method } = input;
  if (version === "v1" && places.length === 0) return { request, dropped: [] };
  const draft = new Draft(request);
  // a runtime that the judgement is left to is sent what the caller wrote
  if (input.onUnsupportedField !== "send" || version !== "v1") fillProfiles(draft, places);
  clearEffects(
    draft,
    refused.map(({ asked }) => asked),
  );
  const dropped: Dropped[] = refused.map(({ field, reason }) => ({ field, reason, security: true }));
  if (version === "v1alpha2") {
    for (const path of cutToV1alpha2(draft, method.input)) {
      const field = namePath(method.input, path);
      dropped.push({ field, reason: "CRI v1alpha2 has no such field", security: false });
    }
  }
  return { request: draft.message, dropped };
}
