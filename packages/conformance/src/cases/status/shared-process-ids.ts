import { readlink } from "node:fs/promises";
import { NamespaceMode } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Stage } from "../../stage/stage.ts";
import { recorded, sandboxInfo } from "./recorded.ts";

const { CONTAINER, NODE, POD } = NamespaceMode;
const options = (pid: NamespaceMode) => ({
  namespaceOptions: { network: NODE, pid, ipc: POD, usernsOptions: { mode: NODE } },
});
const sharing = ({ anotherPod }: Pick<Stage, "anotherPod">) => anotherPod({ security: options(POD) });

export const sharedProcessIds: Case = defineCase({
  name: "containers of a pod that shares process IDs see each other's processes, and one that asks for its own does not",
  cites: "runtime.v1 NamespaceMode: POD is the sandbox's, shared by all its containers; shareProcessNamespace, KEP-495",
  covers: ["NamespaceOption.pid"],
  critest: ["[k8s.io] Security Context NamespaceOption runtime should support PodPID"],
  async run({ cri, anotherPod, target }) {
    const pod = sharing({ anotherPod });
    const mark = "KEELSON_CONFORMANCE_MARK";
    const envs = [{ key: mark, value: new TextEncoder().encode("1") }];
    const one = await expectSuccess(pod.start({ security: options(POD), config: { envs } }));
    const other = await pod.start({ security: options(POD) });
    const apart = await pod.start({ security: options(CONTAINER) });
    expect((await pod.status()).linux?.namespaces?.options?.pid).toBe(POD);
    const field = "linux.security_context.namespace_options.pid";
    const namespace = {
      inside: "readlink /proc/self/ns/pid",
      recorded: (info: Readonly<Record<string, unknown>>) => recorded(info, `config.${field}`),
    };
    const found = [await one.observe(namespace), await other.observe(namespace), await apart.observe(namespace)];
    if (!target.has.includes("inside")) {
      const ofSandbox = recorded(await sandboxInfo({ cri, pod }), `config.${field}`);
      // a message writes no zeros
      expect([ofSandbox, ...found].map((mode) => mode || `${POD}`)).toEqual([
        `${POD}`,
        `${POD}`,
        `${POD}`,
        `${CONTAINER}`,
      ]);
      return;
    }
    expect(found[1]).toBe(found[0]);
    expect(found[2]).not.toBe(found[0]);
    expect(found).not.toContain(await readlink("/proc/self/ns/pid"));
    // who can read the environment of a process sees the process
    const sees = { inside: `cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep ^${mark}= | wc -l`, recorded: () => "" };
    expect([Number(await other.observe(sees)) > 0, Number(await apart.observe(sees)) > 0]).toEqual([true, false]);
  },
});

export const firstProcessOfAPod: Case = defineCase({
  name: "a container that shares process IDs can't kill the pod's first process",
  cites: "runtime.v1 NamespaceMode: POD; pid_namespaces(7): no signal that it does not handle reaches it from inside",
  covers: [],
  needs: ["inside"],
  async run({ anotherPod }) {
    const pod = sharing({ anotherPod });
    const c = await expectSuccess(pod.start({ security: options(POD) }));
    const kill = { inside: "kill -9 1; kill -0 1 && echo lives", recorded: () => "" };
    expect(await c.observe(kill)).toBe("lives");
  },
});
