import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { NamespaceMode, type PodSandboxConfigSchema, Protocol } from "@keelson/cri-api/v1";
import { describe, expect, onTestFinished, test } from "vitest";
import { readCgroupLayout } from "../../../../packages/linux-engine/src/host/cgroup-layout.ts";
import { notKept, type Refusal } from "../harness/refusals.ts";
import { observes, refuses } from "./claims.ts";
import { mountOptions, type Stage } from "./stage.ts";

const { CONTAINER, NODE } = NamespaceMode;
const sysctls = {
  "net.ipv4.ip_unprivileged_port_start": "7",
  "net/ipv4/conf/all/rp_filter": "2",
  "kernel.shm_rmid_forced": "1",
};

/** What the ordinary pod of the stage asks for. */
export const podExtra = {
  hostname: "confined-0",
  dnsConfig: { servers: ["192.0.2.1", "2001:db8::1"], searches: ["a.test", "b.test"], options: ["ndots:5"] },
  portMappings: [{ protocol: Protocol.TCP, containerPort: 80, hostPort: 18_080 }],
  labels: { app: "confined" },
  annotations: { "confined/note": "x" },
} satisfies Omit<Exclude<MessageInitShape<typeof PodSandboxConfigSchema>, { $typeName: string }>, "linux">;

export const podSysctls: Readonly<Record<string, string>> = sysctls;

export function podCases(stage: () => Stage): void {
  describe("pods", () => {
    test(
      "name, host name and resolver",
      observes("PodSandboxConfig.metadata", "PodSandboxConfig.hostname", "PodSandboxConfig.dns_config"),
      async () => {
        const { lines } = await stage().look("hostname; cat /etc/hostname; echo $HOSTNAME; cat /etc/resolv.conf");
        expect(lines).toEqual([
          ...["confined-0", "confined-0", "confined-0"],
          ...["search a.test b.test", "nameserver 192.0.2.1", "nameserver 2001:db8::1", "options ndots:5"],
        ]);
        const { status } = await stage().cri.runtime.podSandboxStatus({ podSandboxId: stage().pod.podSandboxId });
        expect(status?.metadata).toMatchObject({ ...stage().pod.sandboxConfig.metadata });
        const host = await stage().look("hostname; cat /etc/resolv.conf", {}, stage().hostPod);
        expect(host.text).toBe(`${hostname()}\n${(await readFile("/etc/resolv.conf", "utf8")).trimEnd()}`);
      },
    );

    test(
      "labels and annotations, as lists find and statuses show them",
      observes("PodSandboxConfig.labels", "PodSandboxConfig.annotations"),
      async () => {
        const { items } = await stage().cri.runtime.listPodSandbox({ filter: { labelSelector: podExtra.labels } });
        expect(items).toMatchObject([
          { id: stage().pod.podSandboxId, ...{ labels: podExtra.labels, annotations: podExtra.annotations } },
        ]);
        expect((await stage().look("env")).text).not.toContain("confined/note");
      },
    );

    test(
      "T6.01: kernel parameters of the pod alone, in both spellings",
      observes("LinuxPodSandboxConfig.sysctls"),
      async () => {
        const files = Object.keys(sysctls).map((name) => `/proc/sys/${name.replaceAll(".", "/")}`);
        const before = await Promise.all(files.map((file) => readFile(file, "utf8")));
        const { lines } = await stage().look(`cat ${files.join(" ")}`);
        expect(lines).toEqual(Object.values(sysctls));
        const values = ["1\n+kernel.x=1", "1+kernel.core_pattern=x", "$(x)"];
        await stage().refused(
          ...values.map((value) => {
            const linux = { sysctls: { "kernel.shm_rmid_forced": value } };
            return [
              () => stage().runPod({ linux }),
              "INVALID_ARGUMENT",
              /kernel\.shm_rmid_forced.*not a plain value/,
            ] as const;
          }),
        );
        expect(await Promise.all(files.map((file) => readFile(file, "utf8")))).toEqual(before);
        expect(before.map((value) => value.trim())).not.toEqual(lines);
      },
    );

    test(
      "parameters of the machine, or of a namespace of the host, are refused",
      refuses("LinuxPodSandboxConfig.sysctls"),
      async () => {
        const sysctl = (name: string, options: object = {}): Refusal => {
          const securityContext = { namespaceOptions: { pid: CONTAINER, ...options } };
          const extra = { hostname: "", linux: { sysctls: { [name]: "1" }, securityContext } };
          return notKept("linux.sysctls", () => stage().runPod(extra));
        };
        const machine = ["kernel.core_pattern", "vm.max_map_count", "kernel.hostname", "fs.file-max", "kernel/panic"];
        await stage().refused(
          ...machine.map((name) => sysctl(name)),
          sysctl("net.ipv4.ip_forward", { network: NODE }),
          sysctl("kernel.shmmax", { ipc: NODE }),
        );
      },
    );

    test("shared memory of 64 MiB, which its containers share and the host has not", async () => {
      const name = `keelson-${randomBytes(4).toString("hex")}`;
      const { text } = await stage().look(
        `df -k /dev/shm; grep ' /dev/shm ' /proc/self/mountinfo; echo x >/dev/shm/${name}`,
      );
      expect(text).toMatch(/^shm\s+65536\s/m);
      expect(mountOptions(text, "/dev/shm")).toEqual(expect.arrayContaining(["rw", "nosuid", "nodev", "noexec"]));
      expect((await stage().look(`cat /dev/shm/${name}; rm /dev/shm/${name}`)).text).toBe("x");
      expect(existsSync(`/dev/shm/${name}`)).toBe(false);
      const { text: full } = await stage().look("dd if=/dev/zero of=/dev/shm/full bs=1M count=70; rm /dev/shm/full");
      expect(full).toMatch(/No space left/);
    });

    test("a port mapping, for the plugin that maps ports", observes("PodSandboxConfig.port_mappings"), async () => {
      const portMappings = [{ hostPort: 18_080, containerPort: 80, protocol: "tcp" }];
      expect(await stage().networkRequest(stage().pod)).toMatchObject({ runtimeConfig: { portMappings } });
    });

    test("a cgroup below the parent that was asked for", observes("LinuxPodSandboxConfig.cgroup_parent"), async () => {
      const layout = readCgroupLayout();
      const name = randomBytes(4).toString("hex");
      const systemd = layout.version === 2 && existsSync("/run/systemd/system");
      const parent = systemd ? `keelsontest${name}.slice` : `/keelson-test-${name}/pod`;
      // made by the kubelet, with limits of its own: it stays
      const pids = layout.mounts.get("pids");
      const kubelets = pids === undefined ? undefined : join(pids, parent);
      if (kubelets !== undefined) {
        await mkdir(kubelets, { recursive: true });
        await writeFile(join(kubelets, "pids.max"), "8");
      }
      onTestFinished(async () => {
        if (kubelets !== undefined) for (const path of [kubelets, dirname(kubelets)]) await rmdir(path);
      });
      const pod = await stage().runPod({ linux: { cgroupParent: parent } });
      const containerId = await stage().start({ script: "exec sleep 3600" }, pod);
      const { info } = await stage().cri.runtime.containerStatus({ containerId, verbose: true });
      const { pid } = JSON.parse(info.info ?? "") as { readonly pid: number };
      const lines = (await readFile(`/proc/${pid}/cgroup`, "utf8")).trim().split("\n");
      const own = systemd ? `/${parent}/keelson-${containerId}.scope` : `${parent}/${containerId}`;
      // a hierarchy without controllers has no place for it
      expect(new Set(lines.map((line) => line.split(":")[2]).filter((path) => path !== "/"))).toEqual(new Set([own]));
      const script = "cut -d: -f3 /proc/self/cgroup | sort -u; for i in 1 2 3 4 5 6 7 8; do sleep 9 & done; echo ended";
      const inside = await stage().look(script, {}, pod);
      expect(inside.lines[0]).toBe("/");
      if (kubelets !== undefined) expect(inside.lines.at(-1)).toMatch(/can't fork/);
      await stage().cri.runtime.removePodSandbox({ podSandboxId: pod.podSandboxId });
      expect(existsSync(join(pids ?? layout.unified ?? "/sys/fs/cgroup", own))).toBe(false);
    });
  });
}
