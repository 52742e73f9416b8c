import { create } from "@bufbuild/protobuf";
import { ContainerConfigSchema, NamespaceMode, PodSandboxConfigSchema, type Signal } from "@keelson/cri-api/v1";
import { describe, expect, test } from "vitest";
import { parseContainerScript, parseScript, scriptAnnotation } from "../src/sim/index.ts";
import { freeTask, makeContainer, memoryJournal, openEngine, sandboxRecord } from "./sim-fixture.ts";

type SandboxInit = Exclude<Parameters<typeof create<typeof PodSandboxConfigSchema>>[1], undefined>;
type ContainerInit = Exclude<Parameters<typeof create<typeof ContainerConfigSchema>>[1], undefined>;

function mistakesOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
    return String((error as Error).message);
  }
  throw new Error("there was no mistake");
}

describe("a script", () => {
  test("is read field by field", () => {
    const script = {
      images: ["a/b:1", { ref: "c:2", user: "1000", stopSignal: "SIGINT", sizeBytes: 5, content: "x" }],
      containers: { web: { log: [{ text: "hi", stream: "stderr", atMs: 3 }], exit: { code: 3, oomKilled: true } } },
      handlers: ["kata"],
    };
    const { images, containers, handlers } = parseScript(JSON.parse(JSON.stringify(script)));
    expect(images).toEqual([{ ref: "a/b:1" }, script.images[1]]);
    expect(containers.get("web")).toEqual(script.containers.web);
    expect(handlers).toEqual(["kata"]);
    expect(parseScript({}).images).toBeUndefined();
  });

  test("has all its mistakes told by their paths", () => {
    const message = mistakesOf(() =>
      parseScript(
        { containers: { web: { exit: { code: 256 }, log: [{ text: 1 }, {}], exce: [] } }, images: {}, extra: 1 },
        "--script f.json",
      ),
    );
    expect(message).toMatch(/^read --script f\.json: /);
    for (const part of [
      'containers["web"].exit.code: want an integer from 0 to 255, got 256',
      'containers["web"].log[0].text: want a string',
      'containers["web"].log[1].text: want a string of at most 1048576 characters, got nothing',
      'containers["web"]."exce": no such field',
      "images: want a list",
      '"extra": no such field (there are images, containers, handlers, dualStack, networkOutage)',
    ]) {
      expect(message).toContain(part);
    }
  });

  test.each([[null], [[]], ["x"], [3], [undefined]])("is an object, not %j", (value) => {
    expect(mistakesOf(() => parseContainerScript(value))).toContain("the whole: want an object");
  });

  test("keeps foreign names out of Object.prototype", () => {
    const text = '{"containers":{"__proto__":{"exit":{"code":1}},"constructor":{"exit":{"code":2}}}}';
    const { containers } = parseScript(JSON.parse(text));
    expect([...containers.keys()]).toEqual(["__proto__", "constructor"]);
    expect(({} as Record<string, unknown>).exit).toBeUndefined();
    expect(containers.get("toString")).toBeUndefined();
  });

  test("of a container comes from the annotation before its name's", async () => {
    const { engine, ends } = await openEngine({
      script: { containers: { a: { exit: { code: 1 } }, b: { exit: { code: 2 } } } },
    });
    const a = await makeContainer(engine, "a");
    const b = await makeContainer(engine, "b", { exit: { code: 3 } });
    for (const { record, sandbox, journal } of [a, b]) {
      await engine.containers.start(record, sandbox, journal, freeTask());
    }
    expect([(await ends.until("a")).code, (await ends.until("b")).code]).toEqual([1, 3]);
  });

  test.each([["{"], ['{"exit":{}}'], ["[]"], [`"${"x".repeat(1024 * 1024)}"`]])(
    "in an annotation is checked: %.20s",
    async (text) => {
      const { engine } = await openEngine();
      const config = create(ContainerConfigSchema, { annotations: { [scriptAnnotation]: text } });
      const message = mistakesOf(() => engine.containers.admit(config, sandboxRecord("one")));
      expect(message).toContain('read annotation "keelson.script"');
    },
  );
});

describe("security settings", () => {
  test("are recorded and shown, never refused", async () => {
    const { engine } = await openEngine();
    const config = create(PodSandboxConfigSchema, {
      linux: {
        securityContext: {
          privileged: true,
          namespaceOptions: {
            network: NamespaceMode.NODE,
            usernsOptions: { mode: NamespaceMode.POD, uids: [{ length: 9 }], gids: [{ length: 9 }] },
          },
        },
        sysctls: { "net.core.somaxconn": "99" },
      },
    });
    engine.sandboxes.admit(config, "");
    const record = { ...sandboxRecord("one"), config };
    const journal = memoryJournal();
    expect(await engine.sandboxes.create(record, journal, freeTask())).toEqual({ ips: [] });
    const { info } = await engine.sandboxes.inspect({ ...record, steps: journal.steps });
    expect(info).toMatchObject({
      simulated: true,
      config: {
        linux: {
          security_context: {
            privileged: true,
            namespace_options: { network: 2, userns_options: { uids: [{ length: 9 }] } },
          },
          sysctls: { "net.core.somaxconn": "99" },
        },
      },
    });
  });

  test.each<[string, SandboxInit]>([
    ["hostname", { hostname: "a b" }],
    ["linux.cgroup_parent", { linux: { cgroupParent: "/a/../b" } }],
    ["linux.sysctls", { linux: { sysctls: { "a..b": "1" } } }],
    ["linux.sysctls", { linux: { sysctls: { "kernel.x": "1+kernel.y=2" } } }],
    [
      "linux.security_context.namespace_options.network",
      { linux: { securityContext: { namespaceOptions: { network: 9 as NamespaceMode } } } },
    ],
    [
      "linux.security_context.namespace_options.target_id",
      { linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.CONTAINER, targetId: "a" } } } },
    ],
    ["linux.security_context.run_as_user", { linux: { securityContext: { runAsUser: { value: -1n } } } }],
    ["linux.security_context.run_as_group", { linux: { securityContext: { runAsGroup: { value: 1n } } } }],
    ["linux.security_context.seccomp.localhost_ref", { linux: { securityContext: { seccomp: { profileType: 2 } } } }],
    ["linux.overhead.cpu_period", { linux: { overhead: { cpuPeriod: 1n } } }],
    ["linux.resources.cpuset_cpus", { linux: { resources: { cpusetCpus: "0-9223372036854775807" } } }],
  ])("of a sandbox that mean nothing are refused by name: %s", async (field, config) => {
    const { engine } = await openEngine();
    expect(mistakesOf(() => engine.sandboxes.admit(create(PodSandboxConfigSchema, config), ""))).toContain(
      `read ${field}`,
    );
  });

  test.each<[string, ContainerInit]>([
    ["working_dir", { workingDir: "a" }],
    ["mounts[0].container_path", { mounts: [{ containerPath: "a", hostPath: "/b" }] }],
    ["mounts[0].recursive_read_only", { mounts: [{ containerPath: "/a", hostPath: "/b", recursiveReadOnly: true }] }],
    ["devices[0].permissions", { devices: [{ hostPath: "/dev/null", permissions: "rr" }] }],
    ["stop_signal", { stopSignal: 99 as Signal }],
    ["linux.resources.oom_score_adj", { linux: { resources: { oomScoreAdj: 1001n } } }],
    ["linux.security_context", { linux: { securityContext: { runAsUser: { value: 1n }, runAsUsername: "x" } } }],
    [
      "linux.security_context.capabilities",
      { linux: { securityContext: { capabilities: { addCapabilities: ["no cap"] } } } },
    ],
  ])("of a container that mean nothing are refused by name: %s", async (field, config) => {
    const { engine } = await openEngine();
    const admit = () => engine.containers.admit(create(ContainerConfigSchema, config), sandboxRecord("one"));
    expect(mistakesOf(admit)).toContain(`read ${field}`);
  });

  test("a handler that the node does not have is not found", async () => {
    const { engine } = await openEngine({ script: { handlers: ["kata"] } });
    engine.sandboxes.admit(create(PodSandboxConfigSchema), "kata");
    expect(() => engine.sandboxes.admit(create(PodSandboxConfigSchema), "gvisor")).toThrow(
      expect.objectContaining({ code: "NOT_FOUND" }),
    );
    expect(engine.node.handlers().map((one) => one.name)).toEqual(["", "kata"]);
  });
});
