import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { MountPropagation, MountSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { containerConfig, withContext } from "../../test/spec/fixtures.ts";
import { buildMounts, checkMount, type MountSource, type MountsInput } from "./mounts.ts";

const { PROPAGATION_BIDIRECTIONAL, PROPAGATION_HOST_TO_CONTAINER } = MountPropagation;
type Init = MessageInitShape<typeof MountSchema>;

function build(mounts: Init[], source: Partial<MountSource> = {}, rest: Partial<MountsInput> = {}) {
  const config = containerConfig({ mounts });
  const sources = mounts.map(
    (mount): MountSource => ({
      path: mount.hostPath ?? "",
      propagation: "private",
      forbids: [],
      procfs: false,
      ...source,
    }),
  );
  return buildMounts({ config, sources, files: {}, hostIpc: false, ...rest });
}

function bind(init: Init, source: Partial<MountSource> = {}) {
  const { mounts, rootfsPropagation } = build([{ containerPath: "/data", hostPath: "/h", ...init }], source);
  return { options: mounts.at(-1)?.options, rootfsPropagation };
}

describe("buildMounts()", () => {
  it.each([
    { init: {}, source: {}, want: ["rbind", "rprivate", "rw"], root: undefined },
    { init: { readonly: true }, source: {}, want: ["rbind", "rprivate", "ro"], root: undefined },
    {
      init: { readonly: true, recursiveReadOnly: true },
      source: {},
      want: ["rbind", "rprivate", "rro"],
      root: undefined,
    },
    {
      init: { propagation: PROPAGATION_HOST_TO_CONTAINER },
      source: { propagation: "slave" as const },
      want: ["rbind", "rslave", "rw"],
      root: "rslave",
    },
    {
      init: { propagation: PROPAGATION_BIDIRECTIONAL },
      source: { propagation: "shared" as const },
      want: ["rbind", "rshared", "rw"],
      root: "rshared",
    },
  ])("makes $want of $init", ({ init, source, want, root }) => {
    expect(bind(init, source)).toEqual({ options: want, rootfsPropagation: root });
  });

  it("refuses a propagation that the host's mount does not have", () => {
    expect(() => bind({ propagation: PROPAGATION_HOST_TO_CONTAINER })).toThrow("lies on a private mount");
    expect(() => bind({ propagation: PROPAGATION_BIDIRECTIONAL }, { propagation: "slave" })).toThrow(
      'set mounts[0].propagation: value is PROPAGATION_BIDIRECTIONAL, but "/h" lies on a slave mount',
    );
    expect(() => bind({ propagation: 9 as MountPropagation })).toThrow("is not a propagation");
  });

  it("orders by depth, so that nothing is hidden by what comes later", () => {
    const { mounts } = build([
      { containerPath: "/a/b/c", hostPath: "/1" },
      { containerPath: "/a", hostPath: "/2" },
      { containerPath: "/z/../a/b/", hostPath: "/3" },
    ]);
    expect(mounts.slice(-3).map((mount) => mount.destination)).toEqual(["/a", "/a/b", "/a/b/c"]);
  });

  it("mounts folders in place of the image's volumes, writable, in the order of their depth", () => {
    const volumes = [
      { target: "/a/b/c", source: "/v/0" },
      { target: "/etc", source: "/v/1" },
    ];
    const files = { hosts: "/s/hosts" };
    const { mounts } = build([{ containerPath: "/a/b", hostPath: "/1" }], {}, { volumes, files });
    const own = mounts.slice(-4);
    expect(own.map(({ destination }) => destination)).toEqual(["/etc", "/a/b", "/etc/hosts", "/a/b/c"]);
    expect(own.at(-1)).toEqual({
      destination: "/a/b/c",
      type: "bind",
      source: "/v/0",
      options: ["rbind", "rprivate", "rw"],
    });
  });

  it("mounts the sandbox's files unless the configuration does, read-only with a read-only root", () => {
    const files = { hostname: "/s/hostname", hosts: "/s/hosts", resolvConf: "/s/resolv.conf", shm: "/s/shm" };
    const { mounts } = build([{ containerPath: "/etc/hosts", hostPath: "/kubelet/hosts" }], {}, { files });
    const sources = Object.fromEntries(mounts.map((mount) => [mount.destination, mount.source]));
    expect(sources).toMatchObject({
      "/etc/hosts": "/kubelet/hosts",
      "/etc/hostname": "/s/hostname",
      "/etc/resolv.conf": "/s/resolv.conf",
      "/dev/shm": "/s/shm",
    });
    expect(mounts.filter((mount) => mount.destination === "/dev/shm")).toHaveLength(1);
    const config = withContext({ readonlyRootfs: true });
    const readonly = buildMounts({ config, sources: [], files, hostIpc: false }).mounts;
    const options = (path: string) => readonly.find((mount) => mount.destination === path)?.options;
    expect(options("/etc/hostname")).toContain("ro");
    expect(options("/dev/shm")).toEqual(["rbind", "rprivate", "nosuid", "nodev", "noexec", "rw"]);
  });

  it("keeps what the host's mount forbids, which a runtime forgets when it makes one read-only", () => {
    const forbids = ["nosuid", "noexec"] as const;
    expect(bind({ readonly: true }, { forbids }).options).toEqual(["rbind", "rprivate", "nosuid", "noexec", "ro"]);
    expect(bind({}, { forbids }).options).toEqual(["rbind", "rprivate", "nosuid", "noexec", "rw"]);
  });

  it("T4.05 gives /dev/shm a size of its own where the pod has none to share", () => {
    const shm = build([]).mounts.find((mount) => mount.destination === "/dev/shm");
    expect(shm).toMatchObject({ type: "tmpfs" });
    expect(shm?.options).toEqual(expect.arrayContaining(["size=65536k", "nosuid", "noexec", "nodev"]));
  });

  it("lets a mount replace a standard one, and one on /dev all below it", () => {
    const { mounts } = build([
      { containerPath: "/dev", hostPath: "/dev" },
      { containerPath: "/sys", hostPath: "/sys" },
    ]);
    expect(mounts.map((mount) => mount.destination)).toEqual(["/proc", "/sys/fs/cgroup", "/dev", "/sys"]);
  });

  it.each([
    "/",
    "//",
    "/proc/1",
    "/proc/self/attr",
    "/proc/sys",
    "/dev/pts",
    "/dev/pts/0",
    "/dev/console",
    "/dev/ptmx",
  ])("T3.05 refuses the target %s", (containerPath) => {
    expect(() => build([{ containerPath, hostPath: "/h" }])).toThrow("mounts[0].container_path: can't mount on");
    expect(() => build([{ containerPath: `/x/../${containerPath}`, hostPath: "/h" }])).toThrow("can't mount on");
  });

  it.each(["/proc/cpuinfo", "/proc/sys/kernel/ns_last_pid", "/sys/fs/bpf", "/dev/ptsx", "/proc2"])(
    "T3.05 lets %s pass",
    (containerPath) => {
      expect(build([{ containerPath, hostPath: "/h" }]).mounts.at(-1)?.destination).toBe(containerPath);
    },
  );

  it("T3.05 lets only a procfs replace /proc", () => {
    const proc = { containerPath: "/proc", hostPath: "/h" };
    expect(() => build([proc])).toThrow("only a procfs");
    expect(build([proc], { procfs: true }).mounts.filter((mount) => mount.destination === "/proc")).toHaveLength(1);
  });
});

describe("checkMount()", () => {
  const check = (init: Init) => () =>
    checkMount(create(MountSchema, { containerPath: "/d", hostPath: "/h", ...init }), 3);

  const image = { hostPath: "", readonly: true, image: { image: "volume" } };

  it("takes an image in place of a source", () => {
    expect(check(image)()).toBe("/d");
    expect(check({ ...image, imageSubPath: "a/..b/c" })()).toBe("/d");
  });

  it.each([
    { name: "a path of 70 KiB", init: { hostPath: `/${"x".repeat(70 * 1024)}` }, text: "mounts[3].host_path" },
    { name: "NUL in a source", init: { hostPath: "/a\0b" }, text: "NUL" },
    { name: "NUL in a target", init: { containerPath: "/a\0b" }, text: "NUL" },
    { name: "a relative source", init: { hostPath: "h" }, text: "not an absolute path" },
    { name: "a relative target", init: { containerPath: "d" }, text: "not an absolute path" },
    { name: "recursive read-only without read-only", init: { recursiveReadOnly: true }, text: "readonly is not set" },
    {
      name: "recursive read-only with propagation",
      init: { readonly: true, recursiveReadOnly: true, propagation: PROPAGATION_HOST_TO_CONTAINER },
      text: "private propagation",
    },
    { name: "an image beside a source", init: { ...image, hostPath: "/h" }, text: "both an image and a host_path" },
    { name: "an image that is not read-only", init: { ...image, readonly: false }, text: "readonly" },
    { name: "a part outside of an image", init: { ...image, imageSubPath: "a/../../b" }, text: "image_sub_path" },
    { name: "an absolute part of an image", init: { ...image, imageSubPath: "/a" }, text: "image_sub_path" },
    { name: "NUL in a part of an image", init: { ...image, imageSubPath: "a\0" }, text: "NUL" },
  ])("T3.07 refuses $name", ({ init, text }) => {
    expect(check(init)).toThrow(text);
  });
});
