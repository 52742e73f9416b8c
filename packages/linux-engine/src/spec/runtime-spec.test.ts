import { describe, expect, it } from "vitest";
import { specInput } from "../../test/spec/fixtures.ts";
import { buildContainerSpec } from "./build-container-spec.ts";
import { serializeSpec } from "./runtime-spec.ts";

describe("serializeSpec()", () => {
  it("T12.03 writes 64-bit numbers with every digit", () => {
    const { spec } = buildContainerSpec(specInput());
    const memory = { limit: 2n ** 53n + 1n, swap: 2n ** 63n - 1n };
    const resources = { ...spec.linux.resources, memory };
    const text = serializeSpec({ ...spec, linux: { ...spec.linux, resources } });
    expect(text).toContain('"limit":9007199254740993,');
    expect(text).toContain('"swap":9223372036854775807}');
    expect(JSON.parse(serializeSpec(spec))).toEqual(spec);
  });
});
