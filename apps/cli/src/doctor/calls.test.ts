import type { DescService } from "@bufbuild/protobuf";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";
import { describe, expect, it } from "vitest";
import { knownCalls } from "./calls.ts";

const methodsOf = (version: CriVersion): readonly string[] => {
  const services: readonly DescService[] = [criServices[version].runtime, criServices[version].image];
  return services.flatMap((service) => service.methods.map((method) => `${service.name}/${method.name}`));
};

describe("knownCalls", () => {
  it("are all of CRI's, each once", () => {
    expect(knownCalls.map(({ method }) => method).toSorted()).toEqual(methodsOf("v1").toSorted());
  });

  it("are of v1alpha2 where they are from before 1.25", () => {
    const early = knownCalls.filter(({ since }) => since === undefined || since === "1.23");
    expect(early.map(({ method }) => method).toSorted()).toEqual(methodsOf("v1alpha2").toSorted());
  });

  it("break nothing where they came later than v1", () => {
    expect(knownCalls.filter(({ since, breaks }) => since !== undefined && breaks !== undefined)).toEqual([]);
  });
});
