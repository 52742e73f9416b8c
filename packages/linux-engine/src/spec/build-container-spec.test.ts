import { NamespaceMode, SecurityProfile_ProfileType } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import {
  containerConfig,
  ordinaryNamespaces,
  sandboxConfig,
  specInput,
  withContext,
} from "../../test/spec/fixtures.ts";
import { buildContainerSpec } from "./build-container-spec.ts";
import { defaultMaskedPaths, defaultReadonlyPaths } from "./masked-paths.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("buildContainerSpec()", () => {
  it("gives an ordinary pod of the kubelet this config.json", () => {
    const config = containerConfig({
      command: [],
      args: ["--port", "80"],
      envs: [{ key: "PORT", value: bytes("80") }],
      mounts: [{ containerPath: "/etc/hosts", hostPath: "/var/lib/kubelet/etc-hosts", selinuxRelabel: true }],
      linux: {
        resources: { cpuShares: 102n, oomScoreAdj: 999n },
        securityContext: { namespaceOptions: ordinaryNamespaces, noNewPrivs: true },
      },
    });
    const { spec, stopSignal, reported } = buildContainerSpec(
      specInput({
        config,
        image: { entrypoint: ["/app"], cmd: ["--help"], env: ["LANG=C"], workingDir: "/srv", stopSignal: "QUIT" },
        mountSources: [{ path: "/var/lib/kubelet/etc-hosts", propagation: "shared", forbids: [], procfs: false }],
      }),
    );
    const { capabilities, ...process } = spec.process;
    expect(process).toEqual({
      terminal: false,
      user: { uid: 0, gid: 0, additionalGids: [0] },
      args: ["/app", "--port", "80"],
      env: [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOSTNAME=web-0",
        "LANG=C",
        "PORT=80",
        "HOME=/root",
      ],
      cwd: "/srv",
      noNewPrivileges: true,
      oomScoreAdj: 999,
    });
    expect(spec.root).toEqual({ path: "rootfs", readonly: false });
    expect(spec.linux).toEqual({
      namespaces: [
        { type: "mount" },
        { type: "pid" },
        { type: "network", path: "/run/ns/net" },
        { type: "ipc", path: "/run/ns/ipc" },
        { type: "uts", path: "/run/ns/uts" },
        { type: "cgroup" },
      ],
      cgroupsPath: "kubepods-pod1.slice:keelson:c1",
      resources: { devices: [{ allow: false, access: "rwm" }], cpu: { shares: 102n }, pids: { limit: -1 } },
    });
    expect(spec.mounts.map((mount) => mount.destination)).toEqual([
      "/proc",
      "/dev",
      "/dev/pts",
      "/dev/mqueue",
      "/sys",
      "/sys/fs/cgroup",
      "/etc/hosts",
      "/etc/hostname",
      "/etc/resolv.conf",
      "/dev/shm",
    ]);
    expect(stopSignal).toEqual({ name: "SIGQUIT", number: 3 });
    expect(reported).toEqual([]);
    expect(spec.annotations).toBeUndefined();
    expect(capabilities.inheritable).toEqual([]);
  });

  it("T3.06 takes masked and read-only paths as sent, and sends none of its own", () => {
    const sent = withContext({ maskedPaths: [...defaultMaskedPaths], readonlyPaths: [...defaultReadonlyPaths] });
    const { linux } = buildContainerSpec(specInput({ config: sent })).spec;
    expect(linux.maskedPaths).toEqual(defaultMaskedPaths);
    expect(linux.maskedPaths).toContain("/proc/scsi");
    expect(linux.maskedPaths).toContain("/proc/acpi");
    expect(linux.maskedPaths).toContain("/sys/devices/virtual/powercap");
    expect(linux.readonlyPaths).toEqual(defaultReadonlyPaths);
    expect(buildContainerSpec(specInput()).spec.linux.maskedPaths).toBeUndefined();
  });

  it("lifts every fence for a privileged container, and tells what it lifted", () => {
    const config = withContext({
      privileged: true,
      maskedPaths: ["/proc/kcore"],
      readonlyPaths: ["/proc/sys"],
      seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
      capabilities: { dropCapabilities: ["ALL"] },
    });
    const node = { path: "/dev/kvm", type: "c", major: 10, minor: 232, fileMode: 0o660, uid: 0, gid: 36 } as const;
    const { spec, reported } = buildContainerSpec(specInput({ config, hostDevices: [node] }));
    expect(spec.linux).toMatchObject({
      devices: [node],
      resources: {
        devices: [
          { allow: false, access: "rwm" },
          { allow: true, access: "rwm" },
        ],
      },
    });
    expect(spec.linux.seccomp).toBeUndefined();
    expect(spec.linux.maskedPaths).toBeUndefined();
    expect(spec.linux.readonlyPaths).toBeUndefined();
    expect(spec.linux.namespaces).not.toContainEqual({ type: "cgroup" });
    expect(spec.process.capabilities.bounding).toContain("CAP_SYS_ADMIN");
    const options = (path: string) => spec.mounts.find((mount) => mount.destination === path)?.options;
    expect(options("/sys")).toContain("rw");
    expect(options("/sys/fs/cgroup")).toContain("rw");
    expect(reported.map((item) => item.field)).toEqual(["linux.security_context.seccomp"]);
  });

  it("T3.09 filters system calls for RuntimeDefault and has cgroups read-only in a namespace of their own", () => {
    const config = withContext({ seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault } });
    const { spec } = buildContainerSpec(specInput({ config }));
    expect(spec.linux.seccomp?.defaultAction).toBe("SCMP_ACT_ERRNO");
    expect(spec.mounts.find((mount) => mount.destination === "/sys/fs/cgroup")?.options).toContain("ro");
    expect(spec.linux.namespaces).toContainEqual({ type: "cgroup" });
  });

  it("T3.12 shares nothing between two containers of one image", () => {
    const image = Object.freeze({ env: Object.freeze(["A=1"]), entrypoint: Object.freeze(["/app"]) });
    const one = buildContainerSpec(
      specInput({ image, config: containerConfig({ command: [], envs: [{ key: "A" }] }) }),
    );
    const two = buildContainerSpec(specInput({ image, config: containerConfig({ command: [] }) }));
    expect(one.spec.process.env).toContain("A=");
    expect(two.spec.process.env).toContain("A=1");
    expect(one.spec.process.args).not.toBe(two.spec.process.args);
    expect(one.spec.process.args).toEqual(["/app"]);
  });

  it("T6.02 T6.04 hands only those annotations to the runtime that the operator lists", () => {
    const annotations = { "example.com/a": "1", "run.oci.handler": "krun", "org.systemd.property.X": "y" };
    const input = { config: containerConfig({ annotations }), sandbox: sandboxConfig({ annotations: { pod: "p" } }) };
    expect(buildContainerSpec(specInput(input)).spec.annotations).toBeUndefined();
    const all = buildContainerSpec(specInput({ ...input, allowedAnnotations: ["*"] }));
    expect(all.spec.annotations).toEqual({ pod: "p", "example.com/a": "1" });
    expect(all.reported.map((item) => item.field)).toEqual([
      "annotations[run.oci.handler]",
      "annotations[org.systemd.property.X]",
    ]);
  });

  it("gives a pod in the host's namespaces no others, and the host's shared memory", () => {
    const host = { network: NamespaceMode.NODE, ipc: NamespaceMode.NODE, pid: NamespaceMode.NODE };
    const { spec } = buildContainerSpec(
      specInput({
        config: containerConfig({}, { namespaceOptions: host }),
        sandbox: sandboxConfig({ hostname: "" }, { namespaceOptions: host }),
        pins: {},
      }),
    );
    expect(spec.linux.namespaces).toEqual([{ type: "mount" }, { type: "cgroup" }]);
    expect(spec.mounts.find((mount) => mount.destination === "/dev/shm")?.source).toBe("/dev/shm");
    expect(spec.process.env).toContain("HOSTNAME=node-1");
  });

  it("never inherits the daemon's own protection from the OOM killer", () => {
    expect(buildContainerSpec(specInput()).spec.process.oomScoreAdj).toBe(0);
  });
});
