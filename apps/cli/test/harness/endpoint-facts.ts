// Facts of imaginary runtimes, from a faultless one of the newest kind.
import type { DescService } from "@bufbuild/protobuf";
import { criServices } from "@keelson/cri-api/versions";
import type { EndpointFacts, Failure, MethodAnswer, Served, StatusFacts } from "../../src/doctor/facts.ts";

export const served = { answer: "served" } as const;
export const unimplemented = { answer: "unimplemented" } as const;
export const failed = (
  message: string,
  more: Partial<Failure> = {},
): { readonly answer: "failed"; readonly failure: Failure } => ({
  answer: "failed",
  failure: { code: "UNKNOWN", reason: undefined, hint: undefined, message, ...more },
});

export const both: Served = { v1: served, v1alpha2: served };
export const v1Only: Served = { v1: served, v1alpha2: unimplemented };
export const v1alpha2Only: Served = { v1: unimplemented, v1alpha2: served };
export const neither: Served = { v1: unimplemented, v1alpha2: unimplemented };

export const readyStatus: StatusFacts = {
  conditions: ["RuntimeReady", "NetworkReady"].map((type) => ({ type, status: true, reason: "", message: "" })),
  handlers: [{ name: "", features: { recursive_read_only_mounts: true, user_namespaces: false } }],
  features: { supplemental_groups_policy: true },
};

export const goodStrings = {
  kubeletApiVersion: "0.1.0",
  runtimeName: "imaginary",
  runtimeVersion: "1",
  runtimeApiVersion: "v1",
};

const services: readonly DescService[] = [criServices.v1.runtime, criServices.v1.image];
const allServed: Record<string, MethodAnswer> = Object.fromEntries(
  services.flatMap((service) => service.methods.map((method) => [`${service.name}/${method.name}`, "served"])),
);

/** The newest kind, with what is said to be otherwise; `without` are methods that answer status 12. */
export function factsOf({
  without = [],
  ...otherwise
}: Partial<EndpointFacts> & { readonly without?: readonly string[] } = {}): EndpointFacts {
  const runtime = otherwise.runtime ?? v1Only;
  const image = otherwise.image ?? v1Only;
  const asked = { strings: { answer: "served", value: goodStrings }, status: { answer: "served", value: readyStatus } };
  const newest = (of: Served): "v1" | "v1alpha2" | undefined =>
    of.v1.answer === "served" ? "v1" : of.v1alpha2.answer === "served" ? "v1alpha2" : undefined;
  return {
    endpoint: "unix:///run/imaginary.sock",
    imageEndpoint: "unix:///run/imaginary.sock",
    runtime,
    image,
    asked: {
      ...(runtime.v1.answer === "served" ? { v1: asked } : {}),
      ...(runtime.v1alpha2.answer === "served" ? { v1alpha2: asked } : {}),
    } as EndpointFacts["asked"],
    cgroupDriver: runtime.v1.answer === "served" ? { answer: "served", value: "systemd" } : unimplemented,
    methods: { ...allServed, ...Object.fromEntries(without.map((method) => [method, "unimplemented" as const])) },
    methodsOf: { runtime: newest(runtime), image: newest(image) },
    ...otherwise,
  };
}

/** Facts of a runtime whose newest version answers so. */
export function factsWith(answers: Partial<NonNullable<EndpointFacts["asked"]["v1"]>>): EndpointFacts {
  const facts = factsOf();
  const { v1 } = facts.asked;
  return v1 === undefined ? facts : { ...facts, asked: { v1: { ...v1, ...answers } } };
}
