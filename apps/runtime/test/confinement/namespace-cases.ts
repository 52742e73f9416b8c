import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { NamespaceMode, SupplementalGroupsPolicy } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { observes } from "./claims.ts";
import { onHost, ownNamespaces, type Stage } from "./stage.ts";

const { POD, NODE } = NamespaceMode;
const { Merge, Strict } = SupplementalGroupsPolicy;
const script = "for n in net ipc uts pid mnt cgroup user; do echo $n $(readlink /proc/self/ns/$n); done";
type Kind = "net" | "ipc" | "uts" | "pid" | "mnt" | "cgroup" | "user";

export function namespaceCases(stage: () => Stage): void {
  const parse = (text: string): Readonly<Record<Kind, string>> =>
    Object.fromEntries(
      text
        .trim()
        .split("\n")
        .map((line) => line.split(" ")),
    ) as Record<Kind, string>;

  describe("namespaces", () => {
    test(
      "of the pod and of the container",
      observes(
        "NamespaceOption.network=POD",
        "NamespaceOption.ipc=POD",
        "NamespaceOption.pid=CONTAINER",
        "UserNamespace.mode=NODE",
      ),
      async () => {
        const server = "httpd -f -p 127.0.0.1:7000 -h /open";
        const [one, two] = [await stage().start({ script: server }), await stage().start()];
        const [first, second] = [parse(await stage().exec(one, script)), parse(await stage().exec(two, script))];
        const host = await ownNamespaces();
        for (const kind of ["net", "ipc", "uts"] as const) {
          expect(second[kind]).toBe(first[kind]);
          expect(host).not.toContain(first[kind]);
        }
        for (const kind of ["pid", "mnt", "cgroup"] as const) {
          expect(second[kind]).not.toBe(first[kind]);
          expect(host).not.toContain(first[kind]);
        }
        expect(first.user).toBe(await readlink("/proc/self/ns/user"));
        // each sees its own processes, and reaches the other by loopback alone
        expect(await stage().exec(one, "ls -d /proc/[0-9]* | wc -l; cat /proc/1/comm")).toMatch(/^[2-9]\nhttpd\n$/);
        const dial = "until wget -q -O - http://127.0.0.1:7000/file 2>/dev/null; do usleep 10000; done";
        expect(await stage().exec(two, dial)).toBe("old");
        for (const containerId of [one, two]) await stage().cri.runtime.removeContainer({ containerId });
      },
    );

    test(
      "of process IDs that the containers of a pod share, and their first process as it was asked for",
      observes(
        "NamespaceOption.pid=POD",
        ...["run_as_user", "run_as_group", "readonly_rootfs", "supplemental_groups"].map(
          (field) => `LinuxSandboxSecurityContext.${field}`,
        ),
        ...["Merge", "Strict"].map((policy) => `LinuxSandboxSecurityContext.supplemental_groups_policy=${policy}`),
      ),
      async () => {
        const { cri } = stage();
        const namespaceOptions = { network: POD, pid: POD, ipc: POD, usernsOptions: { mode: NODE } };
        for (const supplementalGroupsPolicy of [Merge, Strict]) {
          const user = { runAsUser: { value: 7n }, runAsGroup: { value: 8n }, readonlyRootfs: true };
          const groups = { supplementalGroups: [9n, 10n], supplementalGroupsPolicy };
          const pod = await stage().runPod({ linux: { securityContext: { namespaceOptions, ...user, ...groups } } });
          const options = { security: { namespaceOptions } };
          const [one, two] = [await stage().start(options, pod), await stage().start(options, pod)];
          const [first, second] = [parse(await stage().exec(one, script)), parse(await stage().exec(two, script))];
          expect(second.pid).toBe(first.pid);
          expect(second.mnt).not.toBe(first.mnt);
          expect(await ownNamespaces()).not.toContain(first.pid);
          const status = await stage().exec(one, "cat /proc/1/status");
          expect(status).toMatch(/^Name:\tinit$/m);
          expect(status).toMatch(/^Uid:(\t7){4}$/m);
          expect(status).toMatch(/^Gid:(\t8){4}$/m);
          expect(status).toMatch(/^Groups:\t(8 )?9 10 ?$/m);
          expect(status).toMatch(/^CapBnd:\t0+$/m);
          expect(await stage().exec(one, "cut -d ' ' -f 5,6 /proc/1/mountinfo")).toMatch(/^\/ ro\b/m);
          await cri.runtime.stopPodSandbox(pod);
          await cri.runtime.removePodSandbox(pod);
        }
      },
    );

    test(
      "T7.02: of the host, where sandbox and container ask for them; there no socket of ours is open to all",
      observes("NamespaceOption.network=NODE", "NamespaceOption.ipc=NODE", "NamespaceOption.pid=NODE"),
      async () => {
        const { node, hostPod } = stage();
        const containerId = await stage().start({ security: onHost }, hostPod);
        const text = await stage().exec(
          containerId,
          `${script}; cat /proc/net/unix; ls -d /proc/${node.pid}; stat -c 'shm %d' /dev/shm`,
        );
        const seen = parse(text);
        const host = await ownNamespaces();
        for (const kind of ["net", "ipc", "uts", "pid"] as const) expect(host).toContain(seen[kind]);
        for (const kind of ["mnt", "cgroup"] as const) expect(host).not.toContain(seen[kind]);
        expect(text.split("\n").slice(-3)).toEqual([`/proc/${node.pid}`, `shm ${(await stat("/dev/shm")).dev}`, ""]);
        // abstract sockets have no file whose mode could guard them
        const abstract = new Set(text.split("\n").flatMap((line) => / (\d+) @/.exec(line)?.[1] ?? []));
        const monitors = await monitorsOf(node.state);
        expect(monitors.length).toBeGreaterThan(0);
        const [daemons, monitored] = [await socketsOf([node.pid]), await socketsOf(monitors)];
        expect([daemons.length, monitored.length]).not.toContain(0);
        expect([...daemons, ...monitored].filter((inode) => abstract.has(inode))).toEqual([]);
        const socket = node.endpoint.replace("unix://", "");
        const modes = await Promise.all([socket, dirname(socket)].map(async (path) => (await stat(path)).mode & 0o777));
        expect(modes).toEqual([0o660, 0o700]);
        await stage().cri.runtime.removeContainer({ containerId });
      },
    );
  });
}

/** Inode numbers of the sockets that processes hold. */
async function socketsOf(pids: readonly number[]): Promise<readonly string[]> {
  const links = pids.map(async (pid) => {
    const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
    return await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "")));
  });
  return (await Promise.all(links)).flat().flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}

/** The conmons of a node that run now. */
async function monitorsOf(state: string): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return pids.filter((_, index) => /conmon/.test(texts[index] ?? "") && texts[index]?.includes(state)).map(Number);
}
