import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { MountPropagation } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Stage } from "../../stage/stage.ts";
import { recorded } from "./recorded.ts";

/** A folder of the node that the case mounts; it goes with it. */
async function nodeFolder({ defer }: Pick<Stage, "defer">): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "keelson-conformance-"));
  defer("folder", () => rm(folder, { recursive: true, force: true }));
  return folder;
}

const run = promisify(execFile);

const nothing = (): string => "";

export const mountsInStatus: Case = defineCase({
  name: "ContainerStatus tells the mounts as they were asked for",
  cites: "runtime.v1 ContainerStatus.mounts: as they came; the kubelet finds the termination message by them",
  covers: [
    "ContainerConfig.mounts",
    "ContainerStatus.mounts",
    "Mount.container_path",
    "Mount.host_path",
    "Mount.readonly",
  ],
  async run({ pod, defer }) {
    const folder = await nodeFolder({ defer });
    await writeFile(join(folder, "message"), "");
    const mounts = [
      { containerPath: "/data", hostPath: folder, readonly: true },
      { containerPath: "/dev/termination-log", hostPath: join(folder, "message") },
    ];
    const c = await expectSuccess(pod.create({ config: { mounts } }));
    const found = (await c.status()).mounts.toSorted((a, b) => (a.containerPath < b.containerPath ? -1 : 1));
    expect(found).toMatchObject([
      { ...mounts[0], propagation: MountPropagation.PROPAGATION_PRIVATE },
      { ...mounts[1], readonly: false },
    ]);
  },
});

export const hostFolder: Case = defineCase({
  name: "a mounted folder of the node is seen inside, and what is written there is on the node",
  cites: "runtime.v1 Mount: container_path, host_path",
  covers: ["ContainerConfig.mounts", "Mount.container_path", "Mount.host_path"],
  critest: [
    "[k8s.io] Container runtime should support adding volume and device runtime should support starting container with volume [Conformance]",
  ],
  needs: ["inside"],
  async run({ pod, defer }) {
    const folder = await nodeFolder({ defer });
    await writeFile(join(folder, "in"), "from the node");
    const c = await expectSuccess(
      pod.start({ config: { mounts: [{ containerPath: "/new/data", hostPath: folder }] } }),
    );
    const inside = "cat /new/data/in; printf 'from inside' > /new/data/out";
    expect(await c.observe({ inside, recorded: nothing })).toBe("from the node");
    expect(await readFile(join(folder, "out"), "utf8")).toBe("from inside");
  },
});

export const readOnlyMount: Case = defineCase({
  name: "a read-only mount can't be written, and one beside it can",
  cites: "runtime.v1 Mount.readonly",
  covers: ["Mount.readonly"],
  async run({ pod, defer }) {
    const folder = await nodeFolder({ defer });
    const mounts = [
      { containerPath: "/one", hostPath: folder, readonly: true },
      { containerPath: "/other", hostPath: folder },
    ];
    const c = await pod.start({ config: { mounts } });
    const found = await c.observe({
      inside:
        "for at in one other; do if touch /$at/file 2>/dev/null; then echo writable; else echo read-only; fi; done",
      recorded: (_, { mounts: kept }) => kept.map(({ readonly }) => (readonly ? "read-only" : "writable")).join("\n"),
    });
    expect(found).toBe("read-only\nwritable");
  },
});

export const mountsInMounts: Case = defineCase({
  name: "mounts within each other are all seen, in whatever order they were asked for",
  cites: "runtime.v1 Mount: made in the order of their depth, so that none hides another; kubernetes/cri-api#mounts",
  covers: ["Mount.container_path"],
  critest: [
    "[k8s.io] Container runtime should support adding volume and device runtime should support starting container with volume when host path is a symlink [Conformance]",
  ],
  needs: ["inside"],
  async run({ pod, defer }) {
    const folder = await nodeFolder({ defer });
    const [outer, inner, link] = [join(folder, "outer"), join(folder, "inner"), join(folder, "link")];
    await mkdir(join(outer, "sub"), { recursive: true });
    await mkdir(inner);
    await writeFile(join(outer, "file"), "outer ");
    await writeFile(join(inner, "file"), "inner");
    await symlink(inner, link);
    const mounts = [
      { containerPath: "/data/sub", hostPath: link },
      { containerPath: "/data", hostPath: outer },
    ];
    const c = await expectSuccess(pod.start({ config: { mounts } }));
    expect(await c.observe({ inside: "cat /data/file /data/sub/file", recorded: nothing })).toBe("outer inner");
  },
});

export const overFiles: Case = defineCase({
  name: "a mount gives way to none of the runtime's own: /etc/hosts and /etc/resolv.conf are those that were mounted",
  cites: "runtime.v1 Mount.container_path: a mount of the runtime's own at the same path gives way",
  covers: ["Mount.container_path"],
  needs: ["inside"],
  async run({ pod, defer }) {
    const folder = await nodeFolder({ defer });
    await writeFile(join(folder, "hosts"), "192.0.2.1 mounted\n");
    await writeFile(join(folder, "resolv.conf"), "nameserver 192.0.2.2\n");
    const mounts = [
      { containerPath: "/etc/hosts", hostPath: join(folder, "hosts") },
      { containerPath: "/etc/resolv.conf", hostPath: join(folder, "resolv.conf") },
    ];
    const c = await expectSuccess(pod.start({ config: { mounts } }));
    const found = await c.observe({ inside: "cat /etc/hosts /etc/resolv.conf", recorded: nothing });
    expect(found).toBe("192.0.2.1 mounted\nnameserver 192.0.2.2");
  },
});

export const missingSource: Case = defineCase({
  name: "a mount whose source is missing finds an empty folder there",
  cites: "runtime.v1 Mount.host_path: containerd makes a missing one as a folder, as does CRI-O",
  covers: ["Mount.host_path"],
  needs: ["inside"],
  async run({ pod, defer }) {
    const hostPath = join(await nodeFolder({ defer }), "missing", "folder");
    const c = await expectSuccess(pod.start({ config: { mounts: [{ containerPath: "/data", hostPath }] } }));
    expect(await c.observe({ inside: "ls -a /data | wc -l", recorded: nothing })).toBe("2");
    expect((await stat(hostPath)).isDirectory()).toBe(true);
  },
});

export const propagation: Case = defineCase({
  name: "a mount that the node makes later is seen where propagation from the node was asked for, and else is not",
  cites: "runtime.v1 MountPropagation: PROPAGATION_HOST_TO_CONTAINER is rslave, PROPAGATION_PRIVATE rprivate",
  covers: ["Mount.propagation"],
  critest: [
    "[k8s.io] Container Mount Propagation runtime should support mount propagation mount with 'rprivate' should not support propagation",
    "[k8s.io] Container Mount Propagation runtime should support mount propagation mount with 'rslave' should support propagation from host to container",
  ],
  async run({ pod, defer, target }) {
    const folder = await nodeFolder({ defer });
    const mounts = [
      { containerPath: "/slave", hostPath: folder, propagation: MountPropagation.PROPAGATION_HOST_TO_CONTAINER },
      { containerPath: "/private", hostPath: folder, propagation: MountPropagation.PROPAGATION_PRIVATE },
    ];
    if (!target.has.includes("inside")) {
      const { mounts: kept } = await (await pod.create({ config: { mounts } })).status();
      expect(kept.map((one) => one.propagation)).toEqual(mounts.map((one) => one.propagation));
      return;
    }
    const later = join(folder, "later");
    await mkdir(later);
    await run("mount", ["--bind", folder, folder]);
    defer("mounts", () => run("umount", ["--recursive", folder]));
    await run("mount", ["--make-shared", folder]);
    const c = await pod.start({ config: { mounts } });
    await run("mount", ["-t", "tmpfs", "tmpfs", later]);
    await writeFile(join(later, "file"), "");
    const inside = "ls /slave/later /private/later | tr '\\n' ' '";
    expect(await c.observe({ inside, recorded: nothing })).toBe("/private/later:  /slave/later: file ");
  },
});

export const bothWays: Case = defineCase({
  name: "mounts that either side makes later are seen by the other where both ways were asked for",
  cites: "runtime.v1 MountPropagation: PROPAGATION_BIDIRECTIONAL is rshared",
  covers: ["Mount.propagation"],
  critest: [
    "[k8s.io] Container Mount Propagation runtime should support mount propagation mount with 'rshared' should support propagation from host to container and vice versa",
  ],
  needs: ["inside"],
  async run({ anotherPod, defer }) {
    const folder = await nodeFolder({ defer });
    const [ours, theirs] = [join(folder, "ours"), join(folder, "theirs")];
    await Promise.all([mkdir(ours), mkdir(theirs)]);
    await run("mount", ["--bind", folder, folder]);
    defer("mounts", () => run("umount", ["--recursive", folder]));
    await run("mount", ["--make-shared", folder]);
    const both = { hostPath: folder, propagation: MountPropagation.PROPAGATION_BIDIRECTIONAL };
    const pod = anotherPod({ security: { privileged: true } });
    const c = await pod.start({
      security: { privileged: true },
      config: { mounts: [{ containerPath: "/shared", ...both }] },
    });
    await run("mount", ["-t", "tmpfs", "tmpfs", ours]);
    await writeFile(join(ours, "file"), "ours");
    const inside = "mount -t tmpfs tmpfs /shared/theirs && printf theirs > /shared/theirs/file; cat /shared/ours/file";
    expect(await c.observe({ inside, recorded: nothing })).toBe("ours");
    expect(await readFile(join(theirs, "file"), "utf8")).toBe("theirs");
  },
});

export const devices: Case = defineCase({
  name: "a device of the node is there under the path and with the permissions that were asked for",
  cites: "runtime.v1 Device: container_path, host_path, permissions; OCI runtime-spec linux.devices",
  covers: ["ContainerConfig.devices", "Device.container_path", "Device.host_path", "Device.permissions"],
  async run({ pod, target }) {
    const real = target.has.includes("inside");
    const hostPath = real ? await firstOf(["/dev/fuse", "/dev/net/tun", "/dev/loop-control"]) : "/dev/fuse";
    const device = { containerPath: "/dev/conformance", hostPath, permissions: "r" };
    const c = await expectSuccess(pod.start({ config: { devices: [device] } }));
    const found = await c.observe({
      inside:
        "if [ -c /dev/conformance ]; then echo device; fi\n" +
        "if (: < /dev/conformance) 2>/dev/null; then echo readable; fi\n" +
        "if (: > /dev/conformance) 2>/dev/null; then echo writable; fi",
      recorded(info) {
        const [one] = JSON.parse(recorded(info, "config.devices") || "[]") as readonly Record<string, string>[];
        const there = one?.container_path === "/dev/conformance" && one.host_path === hostPath;
        return [there ? "device" : "", one?.permissions === "r" ? "readable" : ""].join("\n");
      },
    });
    expect(found).toBe("device\nreadable");
  },
});

async function firstOf(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return "/dev/null";
}
