import { readFile } from "node:fs/promises";
import { NamespaceMode } from "@keelson/cri-api/v1";
import { expect, expectRefusal, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { runOrRefused } from "./made-or-refused.ts";
import { recorded, sandboxInfo } from "./recorded.ts";

const critest = "[k8s.io] Security Context UserNamespaces when Host idmap mount support is";
const { POD, NODE } = NamespaceMode;
const maps = { inside: "cat /proc/self/uid_map /proc/self/gid_map" };

/** Rows of `/proc/PID/uid_map` without their blanks. */
function rows(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim().replaceAll(/\s+/g, " ")]));
}

export const ownUserNamespace: Case = defineCase({
  name: "a pod with a user namespace has its IDs mapped as it asks, or is refused where Status promises none",
  cites: "runtime.v1 UserNamespace, IDMapping; RuntimeHandlerFeatures.user_namespaces; KEP-127",
  covers: [
    "NamespaceOption.userns_options",
    "UserNamespace.uids",
    "UserNamespace.gids",
    "IDMapping.host_id",
    "IDMapping.length",
  ],
  needs: ["pod-network"],
  critest: [`${critest} needed runtime should support NamespaceMode_POD`],
  async run({ cri, anotherPod, target }) {
    const { runtimeHandlers } = await cri.status({});
    const promised = runtimeHandlers.some(({ name, features }) => name === "" && features?.userNamespaces === true);
    const ids = [{ hostId: 1_310_720, containerId: 0, length: 65_536 }];
    const namespaceOptions = {
      network: POD,
      pid: NamespaceMode.CONTAINER,
      usernsOptions: { mode: POD, uids: ids, gids: ids },
    };
    const pod = anotherPod({ network: "pod", security: { namespaceOptions } });
    if (!(await runOrRefused({ cri }, pod, /user ?n(ame)?s/i))) {
      expect(promised, "Status promises user namespaces").toBe(false);
      return;
    }
    const info = target.has.includes("inside") ? undefined : await sandboxInfo({ cri, pod });
    const c = await expectSuccess(pod.start({ security: { namespaceOptions } }));
    const found = await c.observe({
      ...maps,
      recorded() {
        const kept = recorded(info, "config.linux.security_context.namespace_options.userns_options");
        const { uids = [], gids = [] } = JSON.parse(kept || "{}") as Record<string, readonly Record<string, number>[]>;
        return [...uids, ...gids].map((one) => `${one.container_id ?? 0} ${one.host_id ?? 0} ${one.length}`).join("\n");
      },
    });
    expect(rows(found)).toEqual(["0 1310720 65536", "0 1310720 65536"]);
  },
});

export const mapsOfTheNode: Case = defineCase({
  name: "a pod that takes the node's user namespace and brings maps of its own is refused",
  cites: "runtime.v1 UserNamespace.mode: NODE, both lists are empty",
  covers: ["UserNamespace.uids", "UserNamespace.gids"],
  async run({ cri, anotherPod }) {
    const ids = [{ hostId: 1_310_720, containerId: 0, length: 65_536 }];
    const refused: (string | undefined)[] = [];
    for (const maps of [{ uids: ids }, { gids: ids }]) {
      const usernsOptions = { mode: NODE, ...maps };
      const pod = anotherPod({
        security: { namespaceOptions: { network: NODE, pid: NamespaceMode.CONTAINER, usernsOptions } },
      });
      await expectRefusal(pod.run(), /user ?n(ame)?s/i);
      refused.push(pod.config.metadata?.uid);
    }
    const { items } = await cri.listPodSandbox({});
    expect(items.filter(({ metadata }) => refused.includes(metadata?.uid))).toEqual([]);
  },
});

export const userNamespaceOfTheNode: Case = defineCase({
  name: "a pod that takes the node's user namespace has the node's IDs",
  cites: "runtime.v1 UserNamespace.mode: NODE, no user namespace",
  covers: [],
  critest: [`${critest} not needed runtime should support NamespaceMode_NODE`],
  async run({ cri, anotherPod, target }) {
    const usernsOptions = { mode: NODE };
    const namespaceOptions = { network: NODE, pid: NamespaceMode.CONTAINER, usernsOptions };
    const pod = anotherPod({ security: { namespaceOptions } });
    const c = await pod.start({ security: { namespaceOptions } });
    const info = await sandboxInfo({ cri, pod });
    const found = await c.observe({
      ...maps,
      recorded: () => recorded(info, "config.linux.security_context.namespace_options.userns_options.mode"),
    });
    const files = ["/proc/self/uid_map", "/proc/self/gid_map"].map((file) => readFile(file, "utf8"));
    const wanted = target.has.includes("inside") ? (await Promise.all(files)).join("\n") : `${NODE}`;
    expect(rows(found)).toEqual(rows(wanted));
  },
});
