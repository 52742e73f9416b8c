import { SupplementalGroupsPolicy } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { reports } from "./claims.ts";
import type { Stage } from "./stage.ts";

const sandboxFields = ["readonly_rootfs", "supplemental_groups_policy", "seccomp", "apparmor", "seccomp_profile_path"];

/** What is ignored for a written reason does nothing, and the status tells it. */
export function reportCases(stage: () => Stage): void {
  describe("reported as ignored", () => {
    test(
      "what a sandbox without a process has no use for",
      reports(
        ...sandboxFields.map((field) => `LinuxSandboxSecurityContext.${field}`),
        ...["PodSandboxConfig.windows", "LinuxPodSandboxConfig.overhead", "LinuxPodSandboxConfig.resources"],
      ),
      async () => {
        const securityContext = {
          namespaceOptions: { pid: 1 },
          readonlyRootfs: true,
          supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict,
          seccomp: {},
          apparmor: {},
          seccompProfilePath: "runtime/default",
        };
        const limits = { memoryLimitInBytes: 1n << 30n };
        const pod = await stage().runPod({
          windows: {},
          linux: { securityContext, overhead: limits, resources: limits },
        });
        const { podSandboxId } = pod;
        const { info } = await stage().cri.runtime.podSandboxStatus({ podSandboxId, verbose: true });
        const { reported } = JSON.parse(info.info ?? "") as {
          readonly reported: { readonly field: string; readonly why: string }[];
        };
        expect(reported.map(({ field }) => field).sort()).toEqual(
          [
            ...sandboxFields.map((field) => `linux.security_context.${field}`),
            "linux.overhead",
            "linux.resources",
            "windows",
          ].sort(),
        );
        for (const { field, why } of reported) expect(why, field).toMatch(/\w+ \w+/);
        const { text } = await stage().look("id -u; touch /new && echo made", {}, pod);
        expect(text).toBe("0\nmade");
        await stage().cri.runtime.removePodSandbox({ podSandboxId });
      },
    );

    test(
      "what a container has no use for",
      reports("ContainerConfig.stdin_once", "ContainerConfig.windows"),
      async () => {
        const extra = { stdin: true, stdinOnce: true, windows: {} };
        const { reported, text } = await stage().look("echo ended", { extra });
        expect([...reported.keys()].sort()).toEqual(["stdin_once", "windows"]);
        expect(text).toBe("ended");
      },
    );
  });
}
