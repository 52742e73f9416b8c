import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { RuntimeFeaturesSchema, RuntimeHandlerSchema } from "@keelson/cri-api/v1";
import { file_runtime_v1alpha2_api } from "@keelson/cri-api/v1alpha2";
import { criServices } from "@keelson/cri-api/versions";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Prepared, prepareRequest } from "../src/effects/index.ts";
import type { ServerFacts } from "../src/probe/index.ts";

/** A runtime that keeps everything that the version can carry. */
const able: ServerFacts = {
  version: "v1",
  methods: new Map(),
  statuses: new Map(),
  generation: "1.37",
  features: create(RuntimeFeaturesSchema, {
    supplementalGroupsPolicy: true,
    userNamespacesHostNetwork: true,
    mountOptions: true,
  }),
  handlers: ["", "a", "b"].map((name) =>
    create(RuntimeHandlerSchema, { name, features: { recursiveReadOnlyMounts: true, userNamespaces: true } }),
  ),
};

// few words, so that the handlers that requests name are there
const words = fc.constantFrom("", "a", "b");

function arbitraryScalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return words;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return words.map((word) => new TextEncoder().encode(word));
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return fc.bigInt(0n, 9n);
    default:
      return fc.integer({ min: 0, max: 9 });
  }
}

function arbitraryField(field: DescField): fc.Arbitrary<unknown> {
  const one =
    field.message !== undefined
      ? arbitraryMessage(field.message)
      : field.enum !== undefined
        ? fc.constantFrom(...field.enum.values.map(({ number }) => number))
        : arbitraryScalar(field.scalar ?? ScalarType.STRING);
  if (field.fieldKind === "list") return fc.array(one, { maxLength: 2 });
  return field.fieldKind === "map" ? fc.dictionary(fc.constantFrom("k", "l"), words) : one;
}

const arbitraries = new Map<DescMessage, fc.Arbitrary<Message>>();
function arbitraryMessage(schema: DescMessage): fc.Arbitrary<Message> {
  const known = arbitraries.get(schema);
  if (known !== undefined) return known;
  const fields = Object.fromEntries(schema.fields.map((field) => [field.localName, arbitraryField(field)]));
  const made = fc.record(fields, { requiredKeys: [] }).map((init): Message => create(schema, init));
  arbitraries.set(schema, made);
  return made;
}

function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
}

interface Loose {
  $typeName?: string;
  $unknown?: unknown;
  config?: Loose;
  mounts?: { image?: unknown }[];
  [name: string]: unknown;
}

/** Everything in a message, itself too. */
function* everyMessage(value: unknown): Generator<Loose> {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  if ("$typeName" in value) yield value as Loose;
  for (const inner of Object.values(value)) yield* everyMessage(inner);
}

/** What becomes of the profiles, told anew. */
function fillProfiles(request: Loose, method: DescMethod): void {
  if (!["RunPodSandbox", "CreateContainer", "RestorePod"].includes(method.name)) return;
  const paths = ["runtime/default", "unconfined"];
  for (const context of everyMessage(request)) {
    if (!/Linux(Sandbox|Container)SecurityContext$/.test(context.$typeName ?? "")) continue;
    for (const [field, old] of [
      ["seccomp", "seccompProfilePath"],
      ["apparmor", "apparmorProfile"],
    ] as const) {
      const profile = context[field] as { profileType: number; localhostRef: string } | undefined;
      if (profile === undefined || context[old] === undefined) continue;
      context[old] = paths[profile.profileType] ?? `localhost/${profile.localhostRef}`;
    }
  }
}

/** An image is all that such a mount is. */
function leaveOutImageMounts(request: Loose, expected: Loose): void {
  const given = request.config?.mounts;
  if (expected.config?.mounts === undefined || given === undefined) return;
  expected.config.mounts = expected.config.mounts.filter((_, index) => given[index]?.image === undefined);
}

function requests(methods: readonly DescMethod[]): fc.Arbitrary<{ method: DescMethod; request: Message }> {
  return fc
    .constantFrom(...methods)
    .chain((method) => arbitraryMessage(method.input).map((request) => ({ method, request })));
}

const methodsOf = (version: "v1" | "v1alpha2"): DescMethod[] => {
  const { runtime, image } = criServices[version];
  // what changes most, more often
  const { runPodSandbox, createContainer } = runtime.method;
  return [...runtime.methods, ...image.methods, ...Array(20).fill(runPodSandbox), ...Array(40).fill(createContainer)];
};

test("what goes out on v1alpha2 has nothing that v1alpha2 does not know, and all that it knows", async () => {
  const oldMessages = new Map(file_runtime_v1alpha2_api.messages.map((message) => [message.name, message]));
  await fc.assert(
    fc.asyncProperty(requests(methodsOf("v1alpha2")), async ({ method, request }) => {
      deepFreeze(request);
      const prepared: Prepared = await prepareRequest({
        method,
        request,
        version: "v1alpha2",
        server: async () => able,
        onUnsupportedField: "drop",
      });
      const old = oldMessages.get(method.input.name);
      if (old === undefined) throw new Error(`v1alpha2 has no ${method.input.name}`);
      const sent = fromBinary(old, toBinary(method.input, prepared.request));
      for (const message of everyMessage(sent)) expect(message.$unknown).toBeUndefined();

      const known = fromBinary(old, toBinary(method.input, request), { readUnknownFields: false });
      if (method.name === "CreateContainer")
        leaveOutImageMounts(request as unknown as Loose, known as unknown as Loose);
      fillProfiles(known as unknown as Loose, method);
      expect(sent).toEqual(known);
    }),
    { numRuns: 400 },
  );
});

test("what goes out on v1 to a runtime that keeps everything is the request, with its profiles in the old form too", async () => {
  await fc.assert(
    fc.asyncProperty(requests(methodsOf("v1")), async ({ method, request }) => {
      deepFreeze(request);
      const prepared = await prepareRequest({
        method,
        request,
        version: "v1",
        server: async () => able,
        onUnsupportedField: "refuse",
      });
      const expected = fromBinary(method.input, toBinary(method.input, request));
      fillProfiles(expected as unknown as Loose, method);
      expect(prepared.dropped).toEqual([]);
      expect(fromBinary(method.input, toBinary(method.input, prepared.request))).toEqual(expected);
    }),
    { numRuns: 400 },
  );
});

test("fields that the client itself does not know are not sent on v1alpha2", () => {
  const { createContainer } = criServices.v1.runtime.method;
  const bytes = [0x12, 0x07, 0x3a, 0x05, 0x0a, 0x00, 0x82, 0x7d, 0x00]; // config.mounts[0], its field 2000
  const request = fromBinary(createContainer.input, new Uint8Array(bytes));
  const prepared = prepareRequest({
    method: createContainer,
    request,
    version: "v1alpha2",
    server: async () => able,
    onUnsupportedField: "refuse",
  }) as Prepared;
  expect(prepared.dropped.map(({ field }) => field)).toEqual(["config.mounts[0].#2000"]);
  expect([...toBinary(createContainer.input, prepared.request as typeof request)]).toEqual([0x12, 0x02, 0x3a, 0x00]);
});
