import { create } from "@bufbuild/protobuf";
import { ContainerConfigSchema, PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { checkText } from "./check-text.ts";

const mebi = 1024 * 1024;

describe("checkText()", () => {
  it("passes what a kubelet sends", () => {
    const config = create(PodSandboxConfigSchema, {
      metadata: { name: "a".repeat(253), uid: "u" },
      annotations: { last: "x".repeat(256 * 1024) },
    });
    expect(() => checkText(PodSandboxConfigSchema, config, "config")).not.toThrow();
  });

  it.each([
    ["config.hostname", { hostname: "x".repeat(10 * mebi) }],
    ['config.labels["a"]', { labels: { a: "x".repeat(10 * mebi) } }],
    ["key of config.annotations", { annotations: { ["k".repeat(2 * mebi)]: "" } }],
    ["config.metadata.name", { metadata: { name: "ä".repeat(513) } }],
    ["config.dns_config.servers[1]", { dnsConfig: { servers: ["1.1.1.1", "1\0"] } }],
    ["config.linux.cgroup_parent", { linux: { cgroupParent: `/${"x".repeat(4095)}` } }],
    ['config.linux.sysctls["a"]', { linux: { sysctls: { a: "1\0" } } }],
    [
      "config.linux.security_context.selinux_options.level",
      { linux: { securityContext: { selinuxOptions: { level: "\0" } } } },
    ],
  ])("refuses %s", (field, init) => {
    const config = create(PodSandboxConfigSchema, init);
    let error: unknown;
    try {
      checkText(PodSandboxConfigSchema, config, "config");
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(field) });
    expect(String(error).length).toBeLessThan(400);
  });

  // T3.07
  it.each([
    ["mounts[0].host_path", { mounts: [{ hostPath: `/${"x".repeat(70 * 1024)}` }] }],
    ["mounts[1].container_path", { mounts: [{}, { containerPath: "/a\0b" }] }],
    ["envs[0].value", { envs: [{ key: "A", value: Uint8Array.of(65, 0) }] }],
    ["devices[0].container_path", { devices: [{ containerPath: `/${"x".repeat(5000)}` }] }],
    ["command[2]", { command: ["a", "b", "\0"] }],
    ["linux.security_context.masked_paths[0]", { linux: { securityContext: { maskedPaths: ["x".repeat(5000)] } } }],
  ])("refuses a container's %s", (field, init) => {
    const config = create(ContainerConfigSchema, init);
    expect(() => checkText(ContainerConfigSchema, config, "")).toThrow(field);
  });
});
