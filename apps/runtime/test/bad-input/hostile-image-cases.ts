import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { TarEntry } from "@keelson/image-store/build";
import { describe, expect, test } from "vitest";
import { logFolder, outcome, podConfig } from "../harness/pods.ts";
import type { Refusal } from "../harness/refusals.ts";
import { traces, untilAsBefore } from "../harness/traces.ts";
import type { Stage } from "./stage.ts";

type Outcome = Awaited<ReturnType<typeof outcome>>;

/** What can be pulled, and is a trap for whoever runs it. */
export function hostileImageCases(stage: () => Stage): void {
  const bring = async (entries: readonly TarEntry[], settings: Record<string, unknown> = {}): Promise<string> => {
    const name = await stage().push(entries, settings);
    await stage().pull(name);
    return name;
  };

  describe("a hostile image", () => {
    test("T3.04: with /dev, /proc or /sys as a link is refused before the OCI runtime sees it", async () => {
      const refusals: Refusal[] = [];
      for (const path of ["dev", "proc", "sys"]) {
        const image = await bring([{ path, type: "symlink", link: stage().canary.folder }]);
        const message = new RegExp(`"/${path}" is not a folder.*build it again`);
        refusals.push([() => stage().create({ image }), "FAILED_PRECONDITION", message]);
      }
      await stage().refused(...refusals);
    });

    test("T4.03: with /etc, or the files in it, as links to the host does not reach the host", async () => {
      const { cri, pod, canary, node } = stage();
      const [untouched, before] = [canary.state(), await traces(node)];
      const images = [
        await bring([{ path: "etc", type: "symlink", link: canary.folder }]),
        await bring(
          ["hostname", "hosts", "resolv.conf", "mtab"].map((name) => ({
            path: `etc/${name}`,
            type: "symlink",
            link: `${canary.folder}/folder/${name}`,
          })),
        ),
      ];
      for (const image of images) {
        // one runtime follows the link inside the container, another finds nothing there and refuses
        const script = "cat /etc/hostname && echo x >>/etc/hosts && touch /etc/new";
        const ran = await outcome(cri, pod, { image, name: "linked", script }).catch((error: unknown) => error);
        if (ran instanceof Error) expect(ran.message).toMatch(/openat2 `etc`|etc\/hostname/);
        else expect(ran).toMatchObject({ status: { exitCode: 0 }, lines: [pod.sandboxConfig.hostname] });
        expect(canary.state()).toBe(untouched);
        for (const { id } of (await cri.runtime.listContainers({})).containers) {
          await cri.runtime.removeContainer({ containerId: id });
        }
        await rm(join(logFolder(node.folder), "linked"), { recursive: true, force: true });
        await cri.images.removeImage({ image: { image } });
      }
      await untilAsBefore(node, before);
    });

    test("T4.01: with volumes that lead out shows nothing of the host", async () => {
      const { cri, pod, canary, node } = stage();
      const [untouched, before] = [canary.state(), await traces(node)];
      const climbing = { [`/../..${canary.folder}`]: {}, [canary.folder]: {} };
      const find = `find ${canary.folder} /link/ -type f; touch ${canary.folder}/new /link/new`;
      const script = `${find}; cut -d' ' -f4 /proc/self/mountinfo | grep -c ${canary.folder}`;
      for (const Volumes of [climbing, { "/link": {} }]) {
        const image = await bring([{ path: "link", type: "symlink", link: canary.folder }], { Volumes });
        // one runtime follows the link inside the container, another finds nothing there and refuses
        const ran = await outcome(cri, pod, { image, name: "volumes", script }).catch((error: unknown) => error);
        if (ran instanceof Error) expect(ran.message).toMatch(/openat2 `link`/);
        else expect((ran as Outcome).lines.filter((line) => !/No such file/.test(line))).toEqual(["0"]);
        expect(canary.state()).toBe(untouched);
        for (const { id } of (await cri.runtime.listContainers({})).containers) {
          await cri.runtime.removeContainer({ containerId: id });
        }
        await rm(join(logFolder(node.folder), "volumes"), { recursive: true, force: true });
        await cri.images.removeImage({ image: { image } });
      }
      await untilAsBefore(node, before);
    });

    test("T3.01: with a working folder below /proc is refused; its programs get no descriptor of ours", async () => {
      const { cri, node, image, calls } = stage();
      const message = /leads to descriptors.*choose a folder/;
      const folders = ["/proc/thread-self/cwd", "/dev/fd/7", "/../proc/1/root", "/a/../proc/self/fd/8"];
      const refusals = Array.from({ length: 18 }, (_, index) => `/proc/self/fd/${index + 3}`)
        .concat(folders)
        .map((workingDir): Refusal => [() => stage().create({ extra: { workingDir } }), "INVALID_ARGUMENT", message]);
      for (const WorkingDir of ["/proc/self/fd/3", "/proc/self/fd/20", "../../proc/1/root"]) {
        const hostile = await bring([], { WorkingDir });
        refusals.push([() => stage().create({ image: hostile }), "INVALID_ARGUMENT", message]);
      }
      await stage().refused(...refusals);
      const sandboxConfig = podConfig({ logDirectory: logFolder(node.folder) });
      const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig, runtimeHandler: "recorded" });
      const pod = { podSandboxId, sandboxConfig };
      const { lines, status } = await outcome(cri, pod, { image, script: "ls /proc/1/fd; pwd" });
      expect(lines).toEqual(["0", "1", "2", "/"]);
      await cri.runtime.removePodSandbox({ podSandboxId });
      // the OCI runtime has its streams, and the test's script itself the file that it is read from
      const called = (await calls()).flatMap((call) => call.split("\n"));
      expect(called.some((line) => line.includes(" create ") && line.includes(status.id))).toBe(true);
      const descriptors = called.flatMap((line) => /(\d+ -> .*)$/.exec(line)?.[1] ?? []);
      expect(descriptors.length).toBeGreaterThan(3);
      for (const one of descriptors) expect(one).toMatch(/^(0 -> \/dev\/null|[12] -> pipe:.*|\d+ -> .*\/runtime)$/);
      const variables = new Set(called.flatMap((line) => /^(\w+)=/.exec(line)?.[1] ?? []));
      expect(["PWD", "PATH", "TMPDIR", "_OCI_SYNCPIPE"]).toEqual(expect.arrayContaining([...variables]));
    });

    test("T3.02: with a working folder that leads out by a link makes no folder on the host", async () => {
      const { cri, canary, node } = stage();
      const untouched = canary.state();
      const image = await bring([{ path: "link", type: "symlink", link: canary.folder }], { WorkingDir: "/link/new" });
      const before = await traces(node);
      const containerId = await stage().create({ image, script: "true" });
      // one runtime refuses the link, another follows it inside the container
      await cri.runtime.startContainer({ containerId }).catch((error: unknown) => {
        expect(error).toMatchObject({ message: expect.stringContaining("/link") });
      });
      expect(canary.state()).toBe(untouched);
      expect(existsSync("/link")).toBe(false);
      await cri.runtime.removeContainer({ containerId });
      await untilAsBefore(node, before);
    });

    test("T3.10 T6.02 T6.04: steers neither OCI runtime nor systemd by labels or annotations, nor does a pod", async () => {
      const { cri, node, calls } = stage();
      const marker = `marker-${randomBytes(8).toString("hex")}`;
      const names = ["run.oci.handler", "run.oci.hooks.stderr", "krun.cpus", "org.systemd.property.ExecStartPre"];
      const more = ["io.containers.trace-syscall", "io.kubernetes.cri.container-type", "io.containerd.image.label"];
      const commands = Object.fromEntries([...names, ...more].map((name) => [name, `'${marker}'`]));
      const image = await bring([], { Labels: commands });
      const sandboxConfig = podConfig({ logDirectory: logFolder(node.folder), extra: { annotations: commands } });
      const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig, runtimeHandler: "recorded" });
      const annotated = { image, name: "annotated", extra: { annotations: commands } };
      const containerId = await stage().create(annotated, { podSandboxId, sandboxConfig });
      await cri.runtime.startContainer({ containerId });
      const spec = await readFile(join(node.state, "containers", containerId, "config.json"), "utf8");
      expect(JSON.parse(spec)).not.toHaveProperty("annotations");
      expect(spec).not.toContain(marker);
      const called = (await calls()).filter((call) => call.includes(containerId));
      expect(called.some((call) => call.includes(" create "))).toBe(true);
      expect(called.join("\n")).not.toContain(marker);
      // annotations are for whoever reads the status, and an image's labels are nobody's
      const { status } = await cri.runtime.containerStatus({ containerId });
      expect([status?.annotations, status?.labels]).toEqual([commands, {}]);
      await cri.runtime.removePodSandbox({ podSandboxId });
    });
  });
}
