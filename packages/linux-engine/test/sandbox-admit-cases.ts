// What the sandbox engine refuses before it makes anything.
import { readFileSync } from "node:fs";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { NamespaceMode, type PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import type { SandboxEngine } from "@keelson/runtime-core/ports";
import { describe, expect, it } from "vitest";
import { podConfig, type TestRecord } from "./test-pods.ts";

export type Init = MessageInitShape<typeof PodSandboxConfigSchema>;

export function sandboxAdmitCases(engine: () => SandboxEngine, make: (init: Init) => Promise<TestRecord>): void {
  describe("admit()", () => {
    const refused = (init: Init, code: string, said: string): void => {
      let thrown: unknown;
      try {
        engine().admit(podConfig(init), "");
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ code, message: expect.stringContaining(said) });
    };

    it("finds only handlers that there are", () => {
      expect(() => engine().admit(podConfig(), "")).not.toThrow();
      expect(() => engine().admit(podConfig(), "kata")).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
    });

    it("T6.01: refuses sysctls of the host, in any spelling, and the host's stay as they are", async () => {
      const before = readFileSync("/proc/sys/kernel/shmmni", "utf8");
      refused(
        { linux: { sysctls: { "kernel.shm_rmid_forced": "1+kernel.core_pattern=|/x" } } },
        "INVALID_ARGUMENT",
        "plain value",
      );
      refused({ linux: { sysctls: { "kernel/core_pattern": "x" } } }, "FAILED_PRECONDITION", "whole machine");
      refused(
        { linux: { sysctls: { "net.core.somaxconn": "1", "net/core/somaxconn": "2" } } },
        "INVALID_ARGUMENT",
        "twice",
      );
      refused(
        {
          linux: {
            sysctls: { "net.core.somaxconn": "1" },
            securityContext: { namespaceOptions: { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER } },
          },
        },
        "FAILED_PRECONDITION",
        "host",
      );
      refused(
        {
          linux: {
            sysctls: { "kernel.shmmni": "1" },
            securityContext: { namespaceOptions: { ipc: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER } },
          },
        },
        "FAILED_PRECONDITION",
        "host",
      );
      const pod = await make({ linux: { sysctls: { "kernel.shmmni": "77" } } });
      expect(readFileSync("/proc/sys/kernel/shmmni", "utf8")).toBe(before);
      await engine().remove(pod.record(), pod.journal);
    });

    it("T6.03: refuses a cgroup_parent that leaves its place, or is another driver's", () => {
      refused({ linux: { cgroupParent: "/kubepods/../../x" } }, "INVALID_ARGUMENT", '".."');
      refused({ linux: { cgroupParent: "kubepods.slice" } }, "FAILED_PRECONDITION", "systemd slice");
    });

    it("T9.03: refuses host ports, bandwidth and names that mean nothing", () => {
      const port = (init: object): Init => ({
        portMappings: [{ protocol: 0, containerPort: 80, hostPort: 80, hostIp: "", ...init }],
      });
      refused(port({ hostPort: 65_536 }), "INVALID_ARGUMENT", "host_port");
      refused(port({ hostPort: -1 }), "INVALID_ARGUMENT", "host_port");
      refused(port({ containerPort: 0 }), "INVALID_ARGUMENT", "container_port");
      refused(port({ hostIp: "10.0.0.1 -j ACCEPT" }), "INVALID_ARGUMENT", "host_ip");
      refused(port({ protocol: 9 }), "INVALID_ARGUMENT", "protocol");
      const one: NonNullable<Init["portMappings"]>[number] = {
        protocol: 0,
        containerPort: 80,
        hostPort: 80,
        hostIp: "",
      };
      refused({ portMappings: [one, { ...one, containerPort: 81 }] }, "INVALID_ARGUMENT", "leads to 80 and to 81");
      expect(() => engine().admit(podConfig({ portMappings: [one, one, { ...one, protocol: 1 }] }), "")).not.toThrow();
      refused({ annotations: { "kubernetes.io/egress-bandwidth": "10" } }, "INVALID_ARGUMENT", "between 1k and 1P");
      refused(
        { metadata: { name: "x;K8S_POD_UID=y", namespace: "d", uid: "u", attempt: 0 } },
        "INVALID_ARGUMENT",
        "metadata.name",
      );
      refused({ hostname: "a\nb" }, "INVALID_ARGUMENT", "hostname");
      refused({ hostname: "x".repeat(65) }, "INVALID_ARGUMENT", "hostname");
      refused({ dnsConfig: { servers: ["1.2.3.4\noptions x"] } }, "INVALID_ARGUMENT", "dns_config.servers");
      refused({ dnsConfig: { searches: ["a b"] } }, "INVALID_ARGUMENT", "dns_config.searches");
    });
  });
}
