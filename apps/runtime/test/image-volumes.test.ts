import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Mount, MountSchema } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { buildImage, busyboxImage } from "@keelson/image-store/build";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { imageOn } from "./harness/image-on.ts";
import {
  containerConfig,
  exited,
  logFolder,
  logLines,
  outcome,
  type Pod,
  runPod,
  startContainer,
} from "./harness/pods.ts";
import { startNode, type TestNode } from "./harness/start-node.ts";
import { traces, untilAsBefore } from "./harness/traces.ts";

/** The fields of a mount, without the message itself. */
type Fields = Exclude<MessageInitShape<typeof MountSchema>, { readonly $typeName: string }>;

describe.skipIf(linuxGate.skip)("images beside the root file system", { timeout: 60_000 }, () => {
  let node: TestNode;
  let cri: CriConnection;
  let pod: Pod;
  let image: string;
  let content: string;
  beforeAll(async () => {
    node = await startNode();
    const base = busyboxImage();
    const entries = [
      { path: "data", type: "directory", mode: 0o1770, uid: 7, gid: 8 },
      { path: "data/file", content: "of the image\n", mode: 0o640, uid: 7, gid: 9 },
      { path: "data/set-user-id", content: "", mode: 0o4755 },
      { path: "data/link", type: "symlink", link: "/etc/hostname" },
      { path: "data/twin", type: "hardlink", link: "data/file" },
      { path: "linked", type: "symlink", link: "/data" },
      { path: "plain", content: "a file" },
    ] as const;
    const Volumes = { "/data": {}, "/not/there": {}, "/sys/fs/cgroup": {} };
    image = await node.push("volumes:1", imageOn(base, entries, { Volumes }));
    content = await node.push(
      "content:1",
      buildImage({
        layers: [
          [
            { path: "folder/inside", content: "inside\n" },
            { path: "file", content: "a file of the image\n" },
            { path: "out", type: "symlink", link: "/../../../../etc" },
            { path: "fifo", type: "fifo" },
          ],
        ],
      }),
    );
    cri = await node.connect();
    for (const one of [image, content]) await cri.images.pullImage({ image: { image: one } });
    pod = await runPod(cri, { logDirectory: logFolder(node.folder) });
    await outcome(cri, pod, { image, script: "true" }); // the first makes folders that stay
  }, 60_000);
  afterAll(async () => {
    cri.close();
    await node.close();
  }, 60_000);

  const ofImage = (more: Fields = {}): Mount =>
    create(MountSchema, { containerPath: "/image", readonly: true, image: { image: content }, ...more });
  const mounting = (...mounts: Mount[]) => ({ image, extra: { mounts } });

  describe("a volume of the image", () => {
    it("has what the image has there, with owners and modes, and can be written to under a read-only root", async () => {
      const before = await traces(node);
      const script = `
        stat -c '%n %a %u:%g %F' /data /data/file /data/set-user-id /not/there
        cat /data/file; readlink /data/link
        [ /data/file -ef /data/twin ] && echo twins
        echo x >/data/new && echo y >/not/there/new && echo written
        (echo x >/other) 2>/dev/null || echo read-only`;
      const { lines } = await outcome(cri, pod, { image, script, security: { readonlyRootfs: true } });
      expect(lines).toEqual([
        "/data 1770 7:8 directory",
        "/data/file 640 7:9 regular file",
        "/data/set-user-id 4755 0:0 regular empty file",
        "/not/there 755 0:0 directory",
        "of the image",
        "/etc/hostname",
        "twins",
        "written",
        "read-only",
      ]);
      await untilAsBefore(node, before);
    });

    it("is each container's own, and not part of its writable layer", async () => {
      const script = "cat /data/mine; echo $HOSTNAME >/data/mine; exec sleep 100";
      const first = await startContainer(cri, pod, { name: "first", image, script });
      const second = await startContainer(cri, pod, { name: "second", image, script });
      const folder = (id: string, ...names: string[]): string =>
        join(node.root, "snapshots", "containers", id, ...names);
      for (const id of [first, second]) {
        const { status } = await cri.runtime.containerStatus({ containerId: id });
        await expect.poll(() => existsSync(folder(id, "volumes", "0", "mine"))).toBe(true);
        expect(await logLines(status?.logPath ?? "")).toEqual([expect.stringContaining("can't open '/data/mine'")]);
        expect(existsSync(folder(id, "fs", "data", "mine"))).toBe(false);
        expect(status?.mounts).toEqual([]);
      }
      await cri.runtime.removeContainer({ containerId: first });
      expect(existsSync(folder(first))).toBe(false);
      expect(existsSync(folder(second, "volumes", "0", "mine"))).toBe(true);
      await cri.runtime.removeContainer({ containerId: second });
    });

    it("gives way to a mount of the request on the same path", async () => {
      const mount = create(MountSchema, { containerPath: "/data/", hostPath: join(node.folder, "of-the-host") });
      const { lines } = await outcome(cri, pod, {
        image,
        script: "ls -A /data; stat -c %u /data",
        extra: { mounts: [mount] },
      });
      expect(lines).toEqual(["0"]);
    });

    it("is told in verbose info where the runtime's own mount stands in its place", async () => {
      const { containerId } = await cri.runtime.createContainer({ ...pod, config: containerConfig({ image }) });
      const { info } = await cri.runtime.containerStatus({ containerId, verbose: true });
      expect(JSON.parse(info.info ?? "").reported).toContainEqual({
        field: "image.volumes",
        value: "/sys/fs/cgroup",
        why: expect.stringContaining("the runtime's own"),
      });
      await cri.runtime.removeContainer({ containerId });
    });

    it("that is a link in the image shows what the link leads to inside, and one that is a file is refused", async () => {
      const base = busyboxImage();
      const linked = [
        { path: "inside/file", content: "there\n" },
        { path: "to", type: "symlink", link: "../../inside" },
        { path: "plain", content: "" },
      ] as const;
      const name = await node.push("linked:1", imageOn(base, linked, { Volumes: { "/to": {} } }));
      const broken = await node.push("broken:1", imageOn(base, linked, { Volumes: { "/plain": {} } }));
      for (const one of [name, broken]) await cri.images.pullImage({ image: { image: one } });
      const before = await traces(node);
      const { lines } = await outcome(cri, pod, { image: name, script: "cat /to/file; echo x >/to/new && ls /inside" });
      expect(lines).toEqual(["there", "file", "new"]);
      await expect(
        cri.runtime.createContainer({ ...pod, config: containerConfig({ image: broken }) }),
      ).rejects.toMatchObject({
        code: "FAILED_PRECONDITION",
        message: expect.stringMatching(/"\/plain".*not a folder/),
      });
      await untilAsBefore(node, before);
    });
  });

  describe("an image that a request mounts", () => {
    it("is there read-only, without set-user-ID and devices, and status tells its ID", async () => {
      const before = await traces(node);
      const { image: found } = await cri.images.imageStatus({ image: { image: content } });
      const script = "cat /image/folder/inside; touch /image/new 2>&1; grep -o ' /image ro[^ ]*' /proc/self/mountinfo";
      const { lines, status } = await outcome(cri, pod, { ...mounting(ofImage()), script });
      expect(lines[0]).toBe("inside");
      expect(lines[1]).toContain("Read-only file system");
      expect(lines[2]).toMatch(/ro,nosuid,nodev/);
      expect(status.mounts).toMatchObject([
        { containerPath: "/image", readonly: true, image: { image: content, imageRef: found?.id } },
      ]);
      await untilAsBefore(node, before);
    });

    it("T4.02: can be mounted in part: a folder or a file, never what a link outside leads to", async () => {
      const part = (imageSubPath: string, containerPath: string) => ofImage({ imageSubPath, containerPath });
      const script = "ls /folder; cat /file";
      const parts = mounting(part("folder/", "/folder"), part("./file", "/file"));
      expect((await outcome(cri, pod, { ...parts, script })).lines).toEqual(["inside", "a file of the image"]);
      const before = await traces(node);
      const refused = async (mount: Mount, wanted: object): Promise<void> => {
        const config = containerConfig(mounting(mount));
        await expect(cri.runtime.createContainer({ ...pod, config })).rejects.toMatchObject(wanted);
      };
      // T4.02: resolved inside the image, where the link leads to nothing
      for (const path of ["out", "out/hostname", "nothing", "file/below", "fifo"]) {
        await refused(part(path, "/part"), { code: "UNKNOWN", prefix: "ImageVolumeMountFailed" });
      }
      for (const path of ["../etc", "/folder", "folder/../../x", "a\0b"]) {
        await refused(part(path, "/part"), { code: "INVALID_ARGUMENT" });
      }
      await refused(ofImage({ readonly: false }), {
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(/readonly/),
      });
      await refused(ofImage({ hostPath: "/srv" }), {
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(/host_path/),
      });
      await refused(ofImage({ image: { image: "not/here" } }), {
        code: "NOT_FOUND",
      });
      await untilAsBefore(node, before);
    });

    it("stays, as does a volume, when the image is removed and keelsond is killed; a remove then clears both away", async () => {
      const before = await traces(node);
      const script = "until [ -e /data/go ]; do sleep 0.05; done; cat /image/folder/inside /data/file";
      const options = { ...mounting(ofImage(), ofImage({ imageSubPath: "folder", containerPath: "/part" })), script };
      const containerId = await startContainer(cri, pod, { name: "lasting", ...options });
      await cri.images.removeImage({ image: { image: content } });
      cri.close();
      await node.stop("SIGKILL");
      await node.start();
      cri = await node.connect();
      expect((await cri.images.imageStatus({ image: { image: content } })).image).toBeUndefined();
      await cri.runtime.execSync({ containerId, cmd: ["touch", "/data/go"] });
      const { exitCode, logPath } = await exited(cri, containerId);
      expect([exitCode, await logLines(logPath)]).toEqual([0, ["inside", "of the image"]]);
      await cri.runtime.removeContainer({ containerId });
      expect(readdirSync(join(node.state, "images"))).toEqual([]);
      await cri.images.pullImage({ image: { image: content } });
      const now = (await traces(node)).filter((one) => before.includes(one));
      expect(now.filter((one) => one.startsWith("mount"))).toEqual(before.filter((one) => one.startsWith("mount")));
    });
  });
});
