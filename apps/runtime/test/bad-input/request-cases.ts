import { create } from "@bufbuild/protobuf";
import { PodSandboxMetadataSchema } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { logFolder, outcome, podConfig } from "../harness/pods.ts";
import type { Refusal } from "../harness/refusals.ts";
import { traces, untilAsBefore } from "../harness/traces.ts";
import type { Stage } from "./stage.ts";

const mebi = 1024 * 1024;
const inherited = ["__proto__", "constructor", "toString", "hasOwnProperty"];

export function requestCases(stage: () => Stage): void {
  const config = (extra: object) => podConfig({ logDirectory: logFolder(stage().node.folder), extra });
  const run =
    (extra: object, runtimeHandler = "") =>
    () =>
      stage().cri.runtime.runPodSandbox({ config: config(extra), runtimeHandler });
  const container = (options: Parameters<Stage["create"]>[0]) => () => stage().create(options);
  const metadata = (names: object) => ({
    metadata: create(PodSandboxMetadataSchema, { name: "a", uid: "u", namespace: "n", ...names }),
  });

  describe("a request", () => {
    test("without metadata, or with an empty part of it, is told which", async () => {
      await stage().refused(
        [run({ metadata: undefined }), "INVALID_ARGUMENT", /config\.metadata is missing/],
        ...["name", "uid", "namespace"].map((part): Refusal => {
          const message = new RegExp(`config\\.metadata\\.${part} is empty`);
          return [run(metadata({ [part]: "" })), "INVALID_ARGUMENT", message];
        }),
        [() => stage().cri.runtime.runPodSandbox({}), "INVALID_ARGUMENT", /config is missing/],
        [container({ extra: { metadata: undefined } }), "INVALID_ARGUMENT", /config\.metadata is missing/],
        [container({ name: "" }), "INVALID_ARGUMENT", /config\.metadata\.name is empty/],
        [container({ image: "" }), "INVALID_ARGUMENT", /config\.image\.image is empty/],
      );
    });

    test("for a handler that is not configured is told where handlers are", async () => {
      await stage().refused([run({}, "kata"), "NOT_FOUND", /"kata".*section \[runtimes\]/]);
    });

    test("for a name that is taken is told by whom", async () => {
      const { refused, cri, pod } = stage();
      const containerId = await stage().create({ name: "taken" });
      await refused(
        [
          () => cri.runtime.runPodSandbox({ config: pod.sandboxConfig }),
          "ALREADY_EXISTS",
          new RegExp(`${pod.podSandboxId}.*READY.*remove it first`),
        ],
        [container({ name: "taken" }), "ALREADY_EXISTS", new RegExp(`${containerId}.*CREATED.*remove it first`)],
      );
      await cri.runtime.removeContainer({ containerId });
    });

    test("for an ID that nobody knows is told so; to stop or remove it is done", async () => {
      const { refused, cri } = stage();
      const { runtime } = cri;
      const image = { image: stage().image };
      for (const id of ["0".repeat(64), "x", "../..", "__proto__", "a\nb"]) {
        const create = { podSandboxId: id, config: { metadata: { name: "a" }, image }, sandboxConfig: {} };
        const calls = [
          () => runtime.podSandboxStatus({ podSandboxId: id }),
          () => runtime.createContainer(create),
          () => runtime.startContainer({ containerId: id }),
          () => runtime.containerStatus({ containerId: id }),
          () => runtime.execSync({ containerId: id, cmd: ["true"] }),
        ];
        await refused(...calls.map((call): Refusal => [call, "NOT_FOUND", /there is none.*list what there is/]));
        await runtime.stopPodSandbox({ podSandboxId: id });
        await runtime.removePodSandbox({ podSandboxId: id });
        await runtime.stopContainer({ containerId: id });
        await runtime.removeContainer({ containerId: id });
      }
    });

    test("with a string of 10 MiB is told which one and how long it may be; beyond 16 MiB it is not taken", async () => {
      const { cri } = stage();
      const long = "x".repeat(10 * mebi);
      const tooLong = (call: () => Promise<unknown>, field: string): Refusal => {
        const message = new RegExp(`${field}.* is too long: .*at most \\d+ are taken`);
        return [call, "INVALID_ARGUMENT", message];
      };
      await stage().refused(
        tooLong(run({ hostname: long }), "config\\.hostname"),
        tooLong(run({ annotations: { a: long } }), "config\\.annotations"),
        tooLong(run(metadata({ name: long })), "config\\.metadata\\.name"),
        tooLong(container({ script: long }), "config\\.command\\[2\\]"),
        tooLong(() => stage().pull(long), "image\\.image"),
        tooLong(() => cri.runtime.execSync({ containerId: long, cmd: ["true"] }), "container_id"),
        [run({ annotations: { a: "x".repeat(17 * mebi) } }), "RESOURCE_EXHAUSTED", /larger than/],
      );
      expect((await cri.runtime.version({})).runtimeName).toBe("keelson");
    });

    test("with names that could mean more than a name is refused", async () => {
      const refusals: Refusal[] = [
        [run(metadata({ name: "a\0b" })), "INVALID_ARGUMENT", /config\.metadata\.name holds a NUL byte/],
        [run({ labels: { a: "\0" } }), "INVALID_ARGUMENT", /config\.labels\["a"\] holds a NUL byte/],
        [container({ name: "a\0" }), "INVALID_ARGUMENT", /config\.metadata\.name holds a NUL byte/],
      ];
      for (const name of ["a\nb", "a\u001b[2J", "a;K8S_POD_UID=b", "a=b"]) {
        refusals.push([run(metadata({ name })), "INVALID_ARGUMENT", /metadata\.name.*can't carry/]);
        refusals.push([run(metadata({ namespace: name })), "INVALID_ARGUMENT", /metadata\.namespace.*can't carry/]);
      }
      for (const hostname of ["a b", "a\nb", "../a", "ä", "x".repeat(65)]) {
        refusals.push([run({ hostname }), "INVALID_ARGUMENT", /hostname.*1…64 letters/]);
      }
      for (const list of ["servers", "searches", "options"]) {
        const dnsConfig = { servers: [], searches: [], options: [], [list]: ["a\nnameserver 1.1.1.1"] };
        const message = new RegExp(`dns_config\\.${list}\\[0\\].*control character`);
        refusals.push([run({ dnsConfig }), "INVALID_ARGUMENT", message]);
      }
      await stage().refused(...refusals);
    });

    test("T12.01: with names that every JavaScript object has keeps them, and harms nothing", async () => {
      const { cri, node, image } = stage();
      const before = await traces(node);
      const map = Object.fromEntries(inherited.map((name) => [name, `${name} here`]));
      const entries = (given: object | undefined) => Object.entries(given ?? {}).sort();
      const sandboxConfig = config({ labels: map, annotations: map });
      const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig });
      const { status } = await cri.runtime.podSandboxStatus({ podSandboxId });
      expect(entries(status?.labels)).toEqual(entries(map));
      expect(entries(status?.annotations)).toEqual(entries(map));
      const { items } = await cri.runtime.listPodSandbox({ filter: { labelSelector: map } });
      expect(items.map(({ id }) => id)).toEqual([podSandboxId]);
      const envs = inherited.map((key) => ({ key, value: Buffer.from(`${key} here`) }));
      const pod = { podSandboxId, sandboxConfig };
      const ran = await outcome(cri, pod, { image, name: "__proto__", script: "env", extra: { envs, labels: map } });
      expect(ran.lines).toEqual(expect.arrayContaining(inherited.map((name) => `${name}=${name} here`)));
      expect(entries(ran.status.labels)).toEqual(entries(map));
      expect(({} as Record<string, unknown>).here).toBeUndefined();
      await cri.runtime.removePodSandbox({ podSandboxId });
      await untilAsBefore(node, before);
    });
  });
}
