import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { formatEndpoint, parseEndpoint } from "@keelson/cri-api/endpoint";
import { CriError, isCriError, notFound, quote, wireMessage } from "@keelson/cri-api/errors";
import { redact, redactMessage } from "@keelson/cri-api/redact";
import { ContainerState, PullImageRequestSchema } from "@keelson/cri-api/v1";
import { RuntimeService as OldRuntimeService } from "@keelson/cri-api/v1alpha2";
import { criServices, criVersions } from "@keelson/cri-api/versions";
import { describe, expect, test } from "vitest";

describe("the contract", () => {
  test("errors have categories, and are known by them", () => {
    const error = notFound('find container "web": there is none', { hint: "list the containers" });
    expect([isCriError(error), isCriError(error, "NOT_FOUND"), isCriError(error, "INTERNAL")]).toEqual([
      true,
      true,
      false,
    ]);
    expect([error instanceof CriError, error instanceof Error]).toEqual([true, true]);
    expect(wireMessage(error)).toBe('find container "web": there is none (list the containers)');
    expect(quote("a\nb\u009b")).toBe('"a\\u000ab\\u009b"');
  });

  test.each([
    ["unix:///run/a%20b.sock", "unix:///run/a%20b.sock"],
    ["/run/x.sock", "unix:///run/x.sock"],
    ["containerd", "unix:///run/containerd/containerd.sock"],
    ["unix-abstract:name", "unix-abstract:name"],
    ["tcp://[::1]:1234", "tcp://[::1]:1234"],
  ])("the endpoint %s is %s", (text, endpoint) => {
    expect(formatEndpoint(parseEndpoint(text))).toBe(endpoint);
  });

  test("messages are the same after they were written and read", () => {
    const message = create(PullImageRequestSchema, {
      image: { image: "docker.io/library/büsybox", annotations: { key: "🚢" } },
      auth: { username: "someone", password: "secret" },
    });
    expect(fromBinary(PullImageRequestSchema, toBinary(PullImageRequestSchema, message))).toEqual(message);
    expect(ContainerState.CONTAINER_RUNNING).toBe(1);
  });

  test("secrets are not in what is shown", () => {
    const auth = { username: "someone", password: "correct-horse" };
    const shown = redactMessage(PullImageRequestSchema, create(PullImageRequestSchema, { auth }));
    expect(
      JSON.stringify(shown, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value)),
    ).not.toContain("correct-horse");
    expect(redact("get https://user:pass@example.com/v2?sig=abc")).not.toMatch(/pass|abc/);
  });

  test("both versions have their services", () => {
    expect(criVersions.map((version) => criServices[version].runtime.typeName)).toEqual([
      "runtime.v1.RuntimeService",
      "runtime.v1alpha2.RuntimeService",
    ]);
    expect(criServices.v1alpha2.runtime.methods.length).toBe(OldRuntimeService.methods.length);
  });
});
