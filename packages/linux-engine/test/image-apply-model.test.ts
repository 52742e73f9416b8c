import { isCriError } from "@keelson/cri-api/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { LayerStack } from "./layer-stack.ts";
import { MergedModel } from "./merged-model.ts";
import type { Member } from "./tar-builder.ts";
import { listTree } from "./tree-listing.ts";

const name = fc.constantFrom("a", "b", "c");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
const mode = fc.constantFrom(0o755, 0o700, 0o1777, 0o644, 0o4755);
const target = fc.oneof(path, fc.constantFrom("..", "../a", "/b", "/a/b", "../../c", ".", "b/../a"));

const member: fc.Arbitrary<Member> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ name: path, mode, content: fc.string({ maxLength: 4 }) }) },
  { weight: 4, arbitrary: fc.record({ name: path, mode, type: fc.constant("5") }) },
  { weight: 2, arbitrary: fc.record({ name: path, link: target, type: fc.constant("2") }) },
  { weight: 2, arbitrary: fc.record({ name: path, link: path, type: fc.constant("1") }) },
  { weight: 2, arbitrary: path.map((text) => ({ name: text.replace(/[abc]$/, ".wh.$&") })) },
  { weight: 1, arbitrary: path.map((text) => ({ name: `${text}/.wh..wh..opq` })) },
);
// Short ones, as one entry against the rules refuses all of a layer.
const layer = fc.array(member, { minLength: 1, maxLength: 5 });
const base: Member[] = [
  { name: "a", type: "5", mode: 0o750 },
  { name: "a/a", content: "a/a", mode: 0o640 },
  { name: "a/b", type: "5", mode: 0o711 },
  { name: "a/b/c", content: "a/b/c", mode: 0o4755 },
  { name: "b", content: "b", mode: 0o600 },
  { name: "c", type: "2", link: "a/b" },
];

describe.skipIf(linuxGate.skip)("Layers, for any entries in any order,", () => {
  test("show through overlayfs what applying them to one tree would give", () => {
    fc.assert(
      fc.property(fc.array(layer, { minLength: 1, maxLength: 3 }), (layers) => {
        using stack = new LayerStack();
        const model = new MergedModel();
        for (const members of [base, ...layers]) {
          const accepted = model.apply(members);
          expect(accepts(stack, members)).toBe(accepted);
          if (!accepted) continue;
          const seen = [...listTree(stack.mount())].filter(([key]) => key !== ".");
          const shown = seen.map(([key, { kind, mode: bits, holds }]) => [key, { kind, mode: bits, holds }] as const);
          expect(new Map(shown)).toEqual(model.list());
        }
      }),
      { numRuns: 250 },
    );
  }, 60_000);
});

function accepts(stack: LayerStack, members: readonly Member[]): boolean {
  try {
    stack.apply(members);
    return true;
  } catch (error) {
    if (isCriError(error, "INVALID_ARGUMENT")) return false;
    throw error;
  }
}
