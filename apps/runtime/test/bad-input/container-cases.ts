import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ContainerState } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { logFolder } from "../harness/pods.ts";
import type { Refusal } from "../harness/refusals.ts";
import { traces, untilAsBefore } from "../harness/traces.ts";
import type { Stage } from "./stage.ts";

export function containerCases(stage: () => Stage): void {
  describe("a container", () => {
    test("whose command is not in the image, or is no program, does not start, tells so, and goes", async () => {
      const { cri, node } = stage();
      const before = await traces(node);
      for (const [command, code, message] of [
        ["nope", "NOT_FOUND", /no such command.*check the command, and that the image has it/],
        ["/bin/nope", "NOT_FOUND", /no such command.*check the command, and that the image has it/],
        ["/bin", "FAILED_PRECONDITION", /can't be executed.*check that it is a file, executable/],
        ["/etc/passwd", "FAILED_PRECONDITION", /can't be executed.*check that it is a file, executable/],
      ] as const) {
        const containerId = await stage().create({ command: [command] });
        const start = cri.runtime.startContainer({ containerId });
        await expect(start).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
        const { status } = await cri.runtime.containerStatus({ containerId });
        expect(status).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 128, reason: "StartError" });
        expect(status?.message).toMatch(message.source.startsWith("no such") ? /no such command/ : /can't be executed/);
        // what is there now is its record's alone: no process, no cgroup
        const left = (await traces(node)).filter((one) => !before.includes(one));
        expect(left.filter((one) => /^(process|cgroup|link|open) /.test(one))).toEqual([]);
        await cri.runtime.removeContainer({ containerId });
        await untilAsBefore(node, before);
      }
    });

    test("without any command is told to have one", async () => {
      const image = await stage().push([], { Cmd: [] });
      await stage().pull(image);
      await stage().refused([
        () => stage().create({ image, command: [] }),
        "INVALID_ARGUMENT",
        /no command.*set command/,
      ]);
    });

    test("T6.05: with annotations named like notes of a runtime is made the same after a restart", async () => {
      const { cri, node } = stage();
      const mount = JSON.stringify([{ destination: "/noted", source: "/", container_path: "/noted", host_path: "/" }]);
      const names = ["version", "config", "steps", "sandboxId", "started", "exit", "io.kubernetes.cri-o.Volumes"];
      const more = ["io.kubernetes.cri-o.MountPoint", "io.container.manager", "io.kubernetes.container.mounts"];
      const annotations = Object.fromEntries([...names, ...more].map((name) => [name, mount]));
      const specOf = async (): Promise<unknown> => {
        const containerId = await stage().create({ extra: { annotations } });
        const { info } = await cri.runtime.containerStatus({ containerId, verbose: true });
        const { runtimeSpec } = JSON.parse(info.info ?? "") as { readonly runtimeSpec: unknown };
        return JSON.parse(JSON.stringify(runtimeSpec).replaceAll(containerId, "ID"));
      };
      const removeAll = async (): Promise<void> => {
        const { containers } = await cri.runtime.listContainers({});
        expect(containers.map((one) => one.annotations)).toEqual([annotations]);
        for (const { id } of containers) await cri.runtime.removeContainer({ containerId: id });
      };
      const first = await specOf();
      expect(JSON.stringify(first)).not.toContain("/noted");
      await node.stop();
      await node.start();
      await removeAll();
      expect(await specOf()).toEqual(first);
      await removeAll();
    });

    test("T8.06: whose log path climbs out, or leads to what is no file of its own, is not created", async () => {
      const { node, canary } = stage();
      const folder = logFolder(node.folder);
      await mkdir(join(folder, "folder"));
      await symlink(join(canary.folder, "file"), join(folder, "link"));
      await symlink(join(canary.folder, "folder"), join(folder, "folder-link"));
      await symlink("/nowhere", join(folder, "dangling"));
      await writeFile(join(folder, "file"), "");
      const refusal = (logPath: string, code: Refusal[1], message: RegExp): Refusal => [
        () => stage().create({ extra: { logPath } }),
        code,
        message,
      ];
      const climbing = ["../x", "a/../../x", "/etc/x", "a//b", "./a", "a/", ".."];
      const taken = ["folder", "link", "folder-link/new", "dangling", "file/below"];
      await stage().refused(
        ...climbing.map((path) => refusal(path, "INVALID_ARGUMENT", /config\.log_path.*relative path without/)),
        refusal("a\nb", "INVALID_ARGUMENT", /control character.*choose/),
        refusal("a:b", "INVALID_ARGUMENT", /colon.*choose/),
        ...taken.map((path) => refusal(path, "FAILED_PRECONDITION", /make log file.*remove what is there/)),
      );
    });
  });
}
