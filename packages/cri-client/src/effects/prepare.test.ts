import { create, type DescMessage, type Message, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type ContainerConfigSchema,
  CreateContainerRequestSchema,
  MountPropagation,
  type MountSchema,
  NamespaceMode,
  PodSandboxConfigSchema,
  SecurityProfile_ProfileType as Profile,
  PullImageRequestSchema,
  RunPodSandboxRequestSchema,
  RuntimeFeaturesSchema,
  RuntimeHandlerSchema,
  Signal,
  SupplementalGroupsPolicy,
} from "@keelson/cri-api/v1";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";
import { describe, expect, it } from "vitest";
import { newestGeneration } from "../probe/generation.ts";
import type { MethodAnswer } from "../probe/method-answer.ts";
import type { ServerFacts } from "../probe/server-facts.ts";
import { type Prepared, type PrepareInput, prepareRequest } from "./prepare.ts";

const { POD, NODE, CONTAINER } = NamespaceMode;
type Container = MessageInitShape<typeof ContainerConfigSchema>;
type Pod = MessageInitShape<typeof PodSandboxConfigSchema>;

interface Shown {
  readonly version?: CriVersion;
  readonly served?: readonly string[];
  readonly features?: MessageInitShape<typeof RuntimeFeaturesSchema>;
  readonly handlers?: readonly MessageInitShape<typeof RuntimeHandlerSchema>[];
  /** Whether UpdatePodSandboxResources looks for the pod. */
  readonly looks?: boolean;
}

function factsOf({ version = "v1", served = [], features, handlers = [], looks = false }: Shown): ServerFacts {
  const methods = new Map(served.map((name): [string, MethodAnswer] => [`RuntimeService/${name}`, "served"]));
  return {
    version,
    methods,
    statuses: new Map(served.map((name) => [`RuntimeService/${name}`, looks ? 5 : 2])),
    generation: newestGeneration(methods),
    features: features === undefined ? undefined : create(RuntimeFeaturesSchema, features),
    handlers: handlers.map((handler) => create(RuntimeHandlerSchema, handler)),
  };
}

const able = { recursiveReadOnlyMounts: true, userNamespaces: true };
const both = [
  { name: "", features: able },
  { name: "runc", features: able },
];
/** What containerd shows, from its source and by trial; 1.4's protocol is v1alpha2 alone. */
const containerd = {
  "1.6": factsOf({}),
  "1.7": factsOf({ served: ["GetContainerEvents"] }),
  "2.0": factsOf({ served: ["RuntimeConfig"], features: { supplementalGroupsPolicy: true }, handlers: both }),
  "2.2": factsOf({
    served: ["RuntimeConfig", "UpdatePodSandboxResources"],
    features: { supplementalGroupsPolicy: true },
    handlers: both,
  }),
  "2.3": factsOf({
    served: ["RuntimeConfig", "UpdatePodSandboxResources"],
    looks: true,
    features: { supplementalGroupsPolicy: true },
    handlers: both,
  }),
} as const;

interface Way {
  readonly version?: CriVersion;
  readonly facts?: ServerFacts;
  readonly onUnsupportedField?: "refuse" | "drop" | "send";
}

function prepare<S extends DescMessage>(
  name: keyof typeof criServices.v1.runtime.method,
  schema: S,
  init: MessageInitShape<S>,
  way: Way = {},
): ReturnType<typeof prepareRequest> {
  const request: Message = create(schema, init);
  deepFreeze(request);
  const { version = "v1", facts, onUnsupportedField = "refuse" } = way;
  const input: PrepareInput = {
    method: criServices.v1.runtime.method[name],
    request,
    version,
    server: async () => {
      if (facts === undefined) throw new Error("the runtime was asked");
      return facts;
    },
    onUnsupportedField,
  };
  return prepareRequest(input);
}

function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
}

const createContainer = (config: Container, way?: Way): ReturnType<typeof prepareRequest> =>
  prepare("createContainer", CreateContainerRequestSchema, { podSandboxId: "p", config }, way);
const runPod = (config: Pod, way?: Way, runtimeHandler = ""): ReturnType<typeof prepareRequest> =>
  prepare("runPodSandbox", RunPodSandboxRequestSchema, { config, runtimeHandler }, way);
const mounting = (mount: MessageInitShape<typeof MountSchema>, way?: Way): ReturnType<typeof prepareRequest> =>
  createContainer({ mounts: [{ hostPath: "/a", containerPath: "/a" }, mount] }, way);
const userns = (mode: NamespaceMode, network: NamespaceMode = POD): Pod & Container => ({
  linux: { securityContext: { namespaceOptions: { network, pid: CONTAINER, usernsOptions: { mode } } } },
});

/** As a kubelet of 1.3x sends it for an ordinary pod. */
const ordinary: Container = {
  metadata: { name: "main" },
  image: { image: "sha256:abc", userSpecifiedImage: "nginx:1" },
  mounts: [
    { containerPath: "/etc/hosts", hostPath: "/var/lib/kubelet/pods/u/etc-hosts" },
    { containerPath: "/data", hostPath: "/data", readonly: true, propagation: MountPropagation.PROPAGATION_PRIVATE },
  ],
  linux: {
    resources: { cpuShares: 2n, unified: { "memory.oom.group": "1" } },
    securityContext: {
      namespaceOptions: { pid: CONTAINER, usernsOptions: { mode: NODE } },
      maskedPaths: ["/proc/kcore"],
      supplementalGroupsPolicy: SupplementalGroupsPolicy.Merge,
    },
  },
};

describe("prepareRequest() on v1", () => {
  it("hands an ordinary request on, itself, at once and without asking the runtime", () => {
    const request = create(CreateContainerRequestSchema, { config: ordinary });
    const prepared = prepareRequest({
      method: criServices.v1.runtime.method.createContainer,
      request,
      version: "v1",
      server: () => Promise.reject(new Error("the runtime was asked")),
      onUnsupportedField: "refuse",
    }) as Prepared;
    expect(prepared.request).toBe(request);
    expect(prepared.dropped).toEqual([]);
  });

  it("does not judge what a pull tells of its pod", () => {
    const config = create(PodSandboxConfigSchema, userns(POD));
    const request = create(PullImageRequestSchema, { sandboxConfig: config });
    const input = { method: criServices.v1.image.method.pullImage, request, version: "v1" } as const;
    const server = (): Promise<never> => Promise.reject(new Error("the runtime was asked"));
    expect(prepareRequest({ ...input, server, onUnsupportedField: "refuse" })).toEqual({ request, dropped: [] });
  });

  it("names the field, what it asks for, what brought it and what the runtime shows", async () => {
    const facts = factsOf({ served: ["CheckpointContainer"] });
    await expect(mounting({ recursiveReadOnly: true, readonly: true }, { facts })).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "WEAKER_THAN_ASKED",
      message:
        'refuse CreateContainer: "config.mounts[1].recursive_read_only" asks for a recursive read-only mount, which this runtime does not show to keep (brought by Kubernetes 1.30; the runtime\'s newest known call is of 1.25)',
      hint: expect.stringContaining('onUnsupportedField: "drop"'),
    });
  });

  it("names every field that it refuses", async () => {
    const both = createContainer(
      { stopSignal: Signal.SIGUSR1, mounts: [{ mountOptions: ["noexec"] }] },
      { facts: containerd["1.6"] },
    );
    await expect(both).rejects.toThrow(/"config\.stop_signal" .*; "config\.mounts\[0\]\.mount_options" /);
  });

  it("passes on why the runtime could not be asked", async () => {
    await expect(mounting({ recursiveReadOnly: true })).rejects.toThrow("the runtime was asked");
  });

  const rro = { recursiveReadOnly: true, readonly: true };
  const image = { image: { image: "sha256:abc" }, readonly: true };
  const ids = [{ hostId: 1, containerId: 0, length: 1 }];
  const strict = { linux: { securityContext: { supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict } } };
  it.each([
    ["a recursive read-only mount", (way: Way) => mounting(rro, way), ["2.0", "2.2", "2.3"]],
    ["a pod in a user namespace", (way: Way) => runPod(userns(POD), way), ["2.0", "2.2", "2.3"]],
    ["a container in a user namespace", (way: Way) => createContainer(userns(POD), way), ["2.0", "2.2", "2.3"]],
    ["strict groups of a pod", (way: Way) => runPod(strict, way), ["2.0", "2.2", "2.3"]],
    ["strict groups of a container", (way: Way) => createContainer(strict, way), ["2.0", "2.2", "2.3"]],
    ["mapped owners", (way: Way) => mounting({ uidMappings: ids }, way), ["2.0", "2.2", "2.3"]],
    ["CDI devices", (way: Way) => createContainer({ CDIDevices: [{ name: "a.b/c=1" }] }, way), ["2.0", "2.2", "2.3"]],
    ["an image mount", (way: Way) => mounting(image, way), ["2.0", "2.2", "2.3"]],
    ["an image mount beside a path", (way: Way) => mounting({ ...image, hostPath: "/" }, way), ["2.2", "2.3"]],
    ["a part of an image", (way: Way) => mounting({ ...image, imageSubPath: "x" }, way), ["2.2", "2.3"]],
    ["a stop signal", (way: Way) => createContainer({ stopSignal: Signal.SIGINT }, way), ["2.3"]],
    ["mount options", (way: Way) => mounting({ mountOptions: ["noexec"] }, way), []],
    ["a user namespace in the host's network", (way: Way) => runPod(userns(POD, NODE), way), []],
  ])("sends %s where containerd shows to keep it, and nowhere else", async (_, send, kept) => {
    const sent: string[] = [];
    for (const [release, facts] of Object.entries(containerd)) {
      const result = await Promise.resolve(send({ facts })).catch((error: unknown) => error);
      if (result instanceof Error) expect(result).toMatchObject({ reason: "WEAKER_THAN_ASKED" });
      else sent.push(release);
    }
    expect(sent).toEqual(kept);
  });

  it("sends mount options, and user namespaces in the host's network, where features show them", async () => {
    const facts = factsOf({ features: { mountOptions: true, userNamespacesHostNetwork: true }, handlers: both });
    await expect(mounting({ mountOptions: ["noexec"] }, { facts })).resolves.toMatchObject({ dropped: [] });
    await expect(runPod(userns(POD, NODE), { facts })).resolves.toMatchObject({ dropped: [] });
    await expect(createContainer({ stopSignal: Signal.SIGINT }, { facts })).resolves.toMatchObject({ dropped: [] });
  });

  it("asks the handler that a pod names, and for a container any", async () => {
    const facts = factsOf({ handlers: [{ name: "" }, { name: "runc", features: able }] });
    await expect(runPod(userns(POD), { facts }, "runc")).resolves.toMatchObject({ dropped: [] });
    await expect(runPod(userns(POD), { facts })).rejects.toThrow("a user namespace");
    await expect(runPod(userns(POD), { facts }, "kata")).rejects.toThrow("a user namespace");
    await expect(createContainer(userns(POD), { facts })).resolves.toMatchObject({ dropped: [] });
  });

  it("takes a namespace mode that it does not know for a user namespace of the pod's own", async () => {
    await expect(runPod(userns(7 as NamespaceMode), { facts: containerd["1.6"] })).rejects.toThrow("userns_options");
  });

  it("looks into the pod's configuration of a container too", async () => {
    const request = { config: ordinary, sandboxConfig: userns(POD) };
    const refused = prepare("createContainer", CreateContainerRequestSchema, request, { facts: containerd["1.6"] });
    await expect(refused).rejects.toThrow('"sandbox_config.linux.security_context.namespace_options.userns_options"');
  });

  it("judges what a pod is restored with", async () => {
    const request = create(criServices.v1.runtime.method.restorePod.input, {
      containerConfigs: [{}, { mounts: [{ recursiveReadOnly: true }] }],
    });
    const input = { method: criServices.v1.runtime.method.restorePod, request, version: "v1" } as const;
    const refused = prepareRequest({
      ...input,
      server: async () => containerd["1.7"],
      onUnsupportedField: "refuse",
    });
    await expect(refused).rejects.toThrow('"container_configs[1].mounts[0].recursive_read_only"');
  });
});

describe("prepareRequest() with onUnsupportedField: drop", () => {
  const way = { facts: containerd["1.6"], onUnsupportedField: "drop" } as const;

  it("sends the rest and tells what it left out", async () => {
    const { request, dropped } = await createContainer(
      {
        ...userns(POD),
        stopSignal: Signal.SIGINT,
        args: ["kept"],
        mounts: [
          { image: { image: "x" }, imageSubPath: "y", containerPath: "/gone" },
          { recursiveReadOnly: true, readonly: true, containerPath: "/kept", uidMappings: [{ length: 1 }] },
        ],
      },
      way,
    );
    expect(dropped.map(({ field }) => field)).toEqual([
      "config.linux.security_context.namespace_options.userns_options",
      "config.stop_signal",
      "config.mounts[0].image",
      "config.mounts[0].image_sub_path",
      "config.mounts[1].recursive_read_only",
      "config.mounts[1].uidMappings",
    ]);
    expect(dropped.every(({ security }) => security)).toBe(true);
    expect(dropped[4]?.reason).toContain("recursive read-only mount");
    const expected = create(CreateContainerRequestSchema, {
      podSandboxId: "p",
      config: {
        args: ["kept"],
        linux: { securityContext: { namespaceOptions: { pid: CONTAINER } } },
        mounts: [{ readonly: true, containerPath: "/kept" }],
      },
    });
    expect(request).toEqual(expected);
  });

  it("tells a field once that asks for two things", async () => {
    const { dropped } = await runPod(userns(POD, NODE), way);
    expect(dropped.map(({ reason }) => reason)).toEqual([expect.stringContaining("asks for a user namespace,")]);
  });
});

describe("prepareRequest() on v1alpha2", () => {
  it("drops what the old version lacks and tells it, without asking the runtime", () => {
    const prepared = createContainer(ordinary, { version: "v1alpha2" }) as Prepared;
    expect(prepared.dropped).toEqual([
      { field: "config.image.user_specified_image", reason: "CRI v1alpha2 has no such field", security: false },
    ]);
    const expected = { ...ordinary, image: { image: "sha256:abc" } };
    const request = create(CreateContainerRequestSchema, { podSandboxId: "p", config: expected });
    expect(toBinary(CreateContainerRequestSchema, prepared.request as typeof request)).toEqual(
      toBinary(CreateContainerRequestSchema, request),
    );
  });

  it("refuses what the old version can't carry at once, whatever the runtime shows", () => {
    expect(() => mounting({ recursiveReadOnly: true }, { version: "v1alpha2" })).toThrow(
      "a recursive read-only mount, which CRI v1alpha2 can't carry (brought by Kubernetes 1.30)",
    );
  });

  it("drops it where the caller has chosen so", () => {
    const way = { version: "v1alpha2", onUnsupportedField: "drop" } as const;
    const { dropped } = mounting({ recursiveReadOnly: true }, way) as Prepared;
    expect(dropped).toMatchObject([{ field: "config.mounts[1].recursive_read_only", security: true }]);
  });

  it("judges a user namespace, which the old version knows, by what the runtime shows", async () => {
    const way = { version: "v1alpha2" } as const;
    await expect(runPod(userns(POD), { ...way, facts: containerd["1.6"] })).rejects.toThrow("older than 1.25");
    await expect(runPod(userns(POD), { ...way, facts: containerd["2.0"] })).resolves.toMatchObject({ dropped: [] });
  });
});

describe("prepareRequest() and profiles", () => {
  const profile = (profileType: Profile, localhostRef = ""): { profileType: Profile; localhostRef: string } => ({
    profileType,
    localhostRef,
  });
  const contextOf = (prepared: unknown): Record<string, unknown> => {
    const { config } = (prepared as Prepared).request as unknown as {
      config: { linux: { securityContext: Record<string, unknown> } };
    };
    return config.linux.securityContext;
  };

  it.each([
    [profile(Profile.RuntimeDefault), "runtime/default"],
    [profile(Profile.Unconfined), "unconfined"],
    [profile(Profile.Localhost, "/var/lib/kubelet/seccomp/a.json"), "localhost//var/lib/kubelet/seccomp/a.json"],
    [profile(Profile.Localhost, "localhost/k8s-a"), "localhost/k8s-a"],
    [profile(9 as Profile), ""],
  ])("writes %j into the deprecated fields as %j, on both versions", (given, path) => {
    for (const version of ["v1", "v1alpha2"] as const) {
      const securityContext = { seccomp: given, apparmor: given };
      const container = contextOf(createContainer({ linux: { securityContext } }, { version }));
      expect(container).toMatchObject({ seccompProfilePath: path, apparmorProfile: path, seccomp: given });
      expect(contextOf(runPod({ linux: { securityContext } }, { version }))).toMatchObject({
        seccompProfilePath: path,
      });
    }
  });

  it.each([
    ["runtime/default", profile(Profile.RuntimeDefault)],
    ["docker/default", profile(Profile.RuntimeDefault)],
    ["unconfined", profile(Profile.Unconfined)],
    ["localhost//etc/a.json", profile(Profile.Localhost, "/etc/a.json")],
  ])("writes a deprecated %s into the new fields, which are all that a newer runtime reads", (old, given) => {
    const securityContext = { seccompProfilePath: old, apparmorProfile: old };
    const container = contextOf(createContainer({ linux: { securityContext } }));
    expect(container).toMatchObject({ seccomp: given, apparmor: given, seccompProfilePath: old });
    expect(contextOf(runPod({ linux: { securityContext: { seccompProfilePath: old } } }))).toMatchObject({
      seccomp: given,
    });
  });

  it("leaves them as the caller wrote them where the judgement is the runtime's, on v1", () => {
    const linux = { securityContext: { seccomp: profile(Profile.RuntimeDefault), apparmorProfile: "unconfined" } };
    const sent = (version: "v1" | "v1alpha2"): Record<string, unknown> =>
      contextOf(createContainer({ linux }, { version, onUnsupportedField: "send" }));
    expect(sent("v1")).toMatchObject({ seccompProfilePath: "", apparmorProfile: "unconfined" });
    expect(sent("v1").apparmor).toBeUndefined();
    expect(sent("v1alpha2")).toMatchObject({ seccompProfilePath: "runtime/default" });
  });

  it.each(["", "banana"])("reads nothing out of a deprecated %j", (old) => {
    const context = contextOf(createContainer({ linux: { securityContext: { seccompProfilePath: old } } }));
    expect(context.seccompProfilePath).toBe(old);
    expect(context.seccomp).toBeUndefined();
  });

  it("has the new field count where the deprecated one says otherwise, and copies only what it changes", () => {
    const request = create(CreateContainerRequestSchema, {
      config: {
        mounts: [{ hostPath: "/a" }],
        linux: {
          resources: { cpuShares: 2n },
          securityContext: {
            seccomp: profile(Profile.RuntimeDefault),
            seccompProfilePath: "unconfined",
            apparmor: profile(Profile.RuntimeDefault),
          },
        },
      },
    });
    const input = { method: criServices.v1.runtime.method.createContainer, request, version: "v1" } as const;
    const server = (): Promise<never> => Promise.reject(new Error("the runtime was asked"));
    const prepared = prepareRequest({ ...input, server, onUnsupportedField: "refuse" }) as Prepared;
    expect(contextOf(prepared)).toMatchObject({
      seccompProfilePath: "runtime/default",
      apparmorProfile: "runtime/default",
    });
    expect(request.config?.linux?.securityContext?.apparmorProfile).toBe("");
    const config = (prepared.request as typeof request).config;
    expect(config?.mounts).toBe(request.config?.mounts);
    expect(config?.linux?.resources).toBe(request.config?.linux?.resources);
    expect(prepared.dropped).toEqual([]);
  });
});
