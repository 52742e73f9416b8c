import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MountPropagation } from "@keelson/cri-api/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { notKept, type Refusal } from "../harness/refusals.ts";
import { observes, refuses } from "./claims.ts";
import { mountOptions, onHost, run, type Stage } from "./stage.ts";

const { PROPAGATION_PRIVATE, PROPAGATION_HOST_TO_CONTAINER, PROPAGATION_BIDIRECTIONAL } = MountPropagation;

export function mountCases(stage: () => Stage): void {
  describe("mounts", () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "keelson-mounts-"));
      for (const name of ["shared", "tree"]) await mkdir(join(folder, name));
      await run("mount", "-t", "tmpfs", "none", join(folder, "shared"));
      await run("mount", "--make-shared", join(folder, "shared"));
      for (const name of ["early", "late", "inside", "slave-inside"]) await mkdir(join(folder, "shared", name));
    });
    afterAll(async () => {
      const mounts = (await readFile("/proc/self/mountinfo", "utf8"))
        .split("\n")
        .map((line) => line.split(" ")[4] ?? "");
      for (const path of mounts.filter((one) => one.startsWith(`${folder}/`)).toReversed())
        await run("umount", "-l", path);
      await rm(folder, { recursive: true });
    });
    const mounted = async (path: string): Promise<boolean> =>
      mountOptions(await readFile("/proc/self/mountinfo", "utf8"), path).length > 0;

    test(
      "a file and a folder of the host, to read or to write; a folder that is not there is made",
      observes("Mount.container_path", "Mount.host_path", "Mount.readonly"),
      async () => {
        const [file, kept, made] = ["file", "kept", "made/new"].map((name) => join(folder, "tree", name)) as [
          string,
          string,
          string,
        ];
        await mkdir(kept);
        await writeFile(file, "from the host");
        await writeFile(join(kept, "f"), "kept");
        const mounts = [
          { containerPath: "/data/file", hostPath: file },
          { containerPath: "/data/kept", hostPath: kept, readonly: true },
          { containerPath: "/data/kept/made", hostPath: made },
          { containerPath: "/etc/hosts", hostPath: file },
        ];
        const script = `cat /data/file /data/kept/f /etc/hosts; echo; echo x >/data/kept/f; echo y >/data/kept/made/here
          echo z >/data/file; cat /proc/self/mountinfo`;
        await mkdir(join(kept, "made"));
        const { text, status } = await stage().look(script, { extra: { mounts } });
        expect(text).toContain("from the hostkeptfrom the host\n");
        expect(text.match(/Read-only file system/g)).toHaveLength(1);
        expect([mountOptions(text, "/data/kept")[0], mountOptions(text, "/data/file")[0]]).toEqual(["ro", "rw"]);
        expect([await readFile(file, "utf8"), await readFile(join(kept, "f"), "utf8")]).toEqual(["z\n", "kept"]);
        expect(await readFile(join(made, "here"), "utf8")).toBe("y\n");
        expect((await stat(made)).mode & 0o777).toBe(0o755);
        expect(status.mounts.map(({ containerPath }) => containerPath)).toEqual(
          mounts.map(({ containerPath }) => containerPath),
        );
      },
    );

    test("with what the host's mount forbids, to read or to write", async () => {
      const hostPath = join(folder, "tree", "fenced");
      await mkdir(hostPath);
      await run("mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec", "none", hostPath);
      const mounts = [true, false].map((readonly) => ({
        containerPath: `/${readonly ? "ro" : "rw"}`,
        hostPath,
        readonly,
      }));
      const { text } = await stage().look("cat /proc/self/mountinfo; cp /bin/busybox /rw/id; /rw/id", {
        extra: { mounts },
      });
      for (const path of ["/ro", "/rw"]) {
        expect(mountOptions(text, path)).toEqual(expect.arrayContaining([path.slice(1), "nosuid", "nodev", "noexec"]));
      }
      expect(text).toMatch(/id: Permission denied$/);
    });

    test(
      "read-only for a whole tree, or for its topmost mount alone",
      observes("Mount.recursive_read_only"),
      async () => {
        const { runtimeHandlers } = await stage().cri.runtime.status({});
        const able = runtimeHandlers.find(({ name }) => name === "")?.features?.recursiveReadOnlyMounts === true;
        const hostPath = join(folder, "tree");
        await mkdir(join(hostPath, "below"));
        await run("mount", "-t", "tmpfs", "none", join(hostPath, "below"));
        const mounts = ["/plain", "/whole"].map((containerPath) => ({
          containerPath,
          hostPath,
          readonly: true,
          recursiveReadOnly: containerPath === "/whole",
        }));
        const script = "for f in /plain/a /plain/below/b /whole/a /whole/below/b; do touch $f && echo wrote $f; done";
        if (!able) {
          const create = () => stage().create({ extra: { mounts } });
          await stage().refused([create, "FAILED_PRECONDITION", /mounts\[1\]\.recursive_read_only/]);
          return;
        }
        const { lines, status } = await stage().look(script, { extra: { mounts } });
        expect(lines.filter((line) => line.startsWith("wrote"))).toEqual(["wrote /plain/below/b"]);
        expect(lines.filter((line) => line.includes("Read-only file system"))).toHaveLength(3);
        expect(status.mounts.map(({ recursiveReadOnly }) => recursiveReadOnly)).toEqual([false, true]);
      },
    );

    test(
      "what the host mounts later shows where it was asked for, and nowhere else",
      observes("Mount.propagation=PROPAGATION_PRIVATE", "Mount.propagation=PROPAGATION_HOST_TO_CONTAINER"),
      async () => {
        const shared = join(folder, "shared");
        await run("mount", "-t", "tmpfs", "none", join(shared, "early"));
        await writeFile(join(shared, "early", "f"), "");
        const mounts = [
          { containerPath: "/private", hostPath: shared, propagation: PROPAGATION_PRIVATE },
          { containerPath: "/slave", hostPath: shared, propagation: PROPAGATION_HOST_TO_CONTAINER },
        ];
        const containerId = await stage().start({ extra: { mounts } });
        await run("mount", "-t", "tmpfs", "none", join(shared, "late"));
        await writeFile(join(shared, "late", "f"), "");
        const found = await stage().exec(
          containerId,
          "ls /private/early/f /private/late/f /slave/early/f /slave/late/f",
        );
        expect(found.split("\n").filter((line) => line.startsWith("/"))).toEqual([
          "/private/early/f",
          "/slave/early/f",
          "/slave/late/f",
        ]);
        expect(mountOptions(await stage().exec(containerId, "cat /proc/self/mountinfo"), "/slave")).toContain("rw");
        await stage().cri.runtime.removeContainer({ containerId });
        await run("umount", join(shared, "late"));
      },
    );

    test(
      "what a container mounts shows on the host where both were asked to share",
      observes("Mount.propagation=PROPAGATION_BIDIRECTIONAL"),
      async () => {
        const shared = join(folder, "shared");
        const mounts = [
          { containerPath: "/both", hostPath: shared, propagation: PROPAGATION_BIDIRECTIONAL },
          { containerPath: "/slave", hostPath: shared, propagation: PROPAGATION_HOST_TO_CONTAINER },
        ];
        const script =
          "mount -t tmpfs none /both/inside && touch /both/inside/f; mount -t tmpfs none /slave/slave-inside && sleep 3600";
        const security = { ...onHost, privileged: true };
        const containerId = await stage().start({ script, security, extra: { mounts } }, stage().hostPod);
        await stage().exec(
          containerId,
          "until grep -q ' /slave/slave-inside ' /proc/1/mountinfo || grep -q ' /slave/slave-inside ' /proc/self/mountinfo; do usleep 5000; done",
        );
        expect(await mounted(join(shared, "inside"))).toBe(true);
        expect((await stat(join(shared, "inside", "f"))).isFile()).toBe(true);
        expect(await mounted(join(shared, "slave-inside"))).toBe(false);
        await stage().cri.runtime.removeContainer({ containerId });
        await run("umount", join(shared, "inside"));
      },
    );

    test(
      "an image, whole or in part, read-only: its programs run, and those with set-user-ID as who starts them",
      observes("Mount.image", "Mount.image_sub_path"),
      async () => {
        const image = { image: stage().image };
        const mounts = [
          { containerPath: "/image", readonly: true, image },
          { containerPath: "/part", readonly: true, image, imageSubPath: "secret/folder" },
          { containerPath: "/file", readonly: true, image, imageSubPath: "open/file" },
        ];
        const script = `echo $(cat /image/secret/file) $(ls /part) $(cat /file)
          /bin/euid; echo own $?; /image/bin/euid; echo of the image $?
          cat /proc/self/mountinfo; for one in /image/new /part/new /file; do echo x >$one; done`;
        const security = { runAsUser: { value: 1000n } };
        const { text, lines } = await stage().look(script, { security, extra: { mounts } });
        expect(lines.slice(0, 3)).toEqual(["readable inner old", "own 0", `of the image ${1000 % 256}`]);
        for (const path of ["/image", "/part", "/file"]) {
          expect(mountOptions(text, path)).toEqual(expect.arrayContaining(["ro", "nosuid", "nodev"]));
        }
        expect(text.match(/Read-only file system/g)).toHaveLength(3);
      },
    );

    test(
      "what is not kept is refused: mappings, options, and sharing with a mount that shares nothing",
      refuses(
        ...["uidMappings", "gidMappings", "image_sub_path", "mount_options", "propagation"].map(
          (name) => `Mount.${name}`,
        ),
      ),
      async () => {
        const hostPath = join(folder, "tree", "private");
        await mkdir(hostPath);
        await run("mount", "-t", "tmpfs", "none", hostPath);
        await run("mount", "--make-private", hostPath);
        const mount = (field: string, more: object): Refusal => {
          const mounts = [{ containerPath: "/x", hostPath, ...more }];
          return notKept(`mounts[0].${field}`, () => stage().create({ extra: { mounts } }));
        };
        const mapping = [{ hostId: 100_000, containerId: 0, length: 65_536 }];
        await stage().refused(
          mount("uidMappings", { uidMappings: mapping }),
          mount("gidMappings", { gidMappings: mapping }),
          mount("image_sub_path", { imageSubPath: "x" }),
          mount("mount_options", { mountOptions: ["noexec"] }),
          mount("propagation", { propagation: PROPAGATION_BIDIRECTIONAL }),
          mount("propagation", { propagation: PROPAGATION_HOST_TO_CONTAINER }),
        );
      },
    );
  });
}
