import { create, toJson, toJsonString } from "@bufbuild/protobuf";
import { ContainerConfigSchema, ListContainersResponseSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { dropField } from "./drop-field.ts";
import { placeOf } from "./drop-place.ts";

const config = create(ContainerConfigSchema, {
  metadata: { name: "main", attempt: 2 },
  workingDir: "/tmp",
  mounts: [{ containerPath: "/a", hostPath: "/b" }, { containerPath: "/c" }],
  labels: { a: "b" },
  linux: { securityContext: { runAsUser: { value: 7n } } },
});

describe("dropField()", () => {
  it.each([
    ["ContainerConfig.working_dir", { workingDir: undefined }],
    ["ContainerConfig.labels", { labels: undefined }],
    ["ContainerConfig.linux", { linux: undefined }],
    ["ContainerMetadata.attempt", { metadata: { name: "main" } }],
    ["Mount.container_path", { mounts: [{ hostPath: "/b" }, {}] }],
    ["Int64Value.value", { linux: { securityContext: { runAsUser: {} } } }],
  ] as const)("takes %s from a copy, wherever it stands, and leaves the rest", (field, without) => {
    const before: object = JSON.parse(toJsonString(ContainerConfigSchema, config));
    const dropped = dropField(ContainerConfigSchema, config, field);
    expect(toJson(ContainerConfigSchema, dropped)).toEqual({ ...before, ...without });
    expect(toJson(ContainerConfigSchema, config)).toEqual(before);
  });

  it("hands on a message in which the field can't stand", () => {
    const message = create(ListContainersResponseSchema);
    expect(dropField(ListContainersResponseSchema, message, "Mount.readonly")).toBe(message);
  });
});

describe("placeOf()", () => {
  it.each([
    ["Mount.readonly", "port"],
    ["AuthConfig.username", "port"],
    ["ImageSpec.image", "port"],
    ["ExecRequest.tty", "port"],
    ["RunPodSandboxRequest.runtime_handler", "port"],
    ["ExecRequest.container_id", "request"],
    ["ContainerMetadata.name", "request"],
    ["StopContainerRequest.timeout", "request"],
    ["ContainerFilter.id", "request"],
    ["ContainerStatus.exit_code", "answer"],
    ["ImageSpec.image_ref", "answer"],
  ] as const)("%s is lost at %s", (field, place) => {
    expect(placeOf(field)).toBe(place);
  });
});
