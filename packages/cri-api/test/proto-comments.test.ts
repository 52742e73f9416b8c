import { readFileSync } from "node:fs";
import { file_runtime_v1_api } from "@keelson/cri-api/v1";
import { file_runtime_v1alpha2_api } from "@keelson/cri-api/v1alpha2";
import { describe, expect, it } from "vitest";

interface Declaration {
  readonly kind: "service" | "rpc" | "message" | "enum" | "field" | "value";
  /** With what it stands in: "Mount.host_path", "SecurityProfile.ProfileType". */
  readonly name: string;
  /** The lines in front of it, without their slashes. */
  readonly comment: readonly string[];
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");

function declarationsOf(proto: string): readonly Declaration[] {
  const found: Declaration[] = [];
  const around: { readonly name: string; readonly kind: Declaration["kind"] }[] = [];
  let comment: string[] = [];
  for (const line of proto.split("\n").map((text) => text.trim())) {
    const add = (kind: Declaration["kind"], name: string): void => {
      found.push({ kind, name: [...around.map((one) => one.name), name].join("."), comment });
      comment = [];
    };
    const [, block, blockName = "", empty] = /^(service|message|enum) (\w+) \{(\})?$/.exec(line) ?? [];
    const [, rpc] = /^rpc (\w+)\(/.exec(line) ?? [];
    const [, member] = /(\w+) = \d+( \[.*\])?;$/.exec(line) ?? [];
    if (line.startsWith("//")) comment.push(line.slice(2).replace(/^ /, ""));
    else if (block !== undefined) {
      const kind = block as "service" | "message" | "enum";
      add(kind, blockName);
      if (empty === undefined) around.push({ name: blockName, kind });
    } else if (rpc !== undefined) add("rpc", rpc);
    else if (member !== undefined) add(around.at(-1)?.kind === "enum" ? "value" : "field", member);
    else {
      if (line === "}") around.pop();
      comment = []; // what an empty line parts from a declaration is not about it
    }
  }
  return found;
}

/** Fields whose name says it all where they stand. */
const selfExplanatory: Readonly<Record<string, readonly string[]>> = {
  id: ["Container", "ContainerAttributes", "ContainerStatus", "PodSandbox", "PodSandboxAttributes", "PodSandboxStatus"],
  state: ["Container", "ContainerStatus", "PodSandbox", "PodSandboxStatus"],
  pod_sandbox_id: [
    ...["CheckpointPodRequest", "CreateContainerRequest", "PodSandboxMetrics", "PodSandboxStatsRequest"],
    ...["PodSandboxStatusRequest", "PortForwardRequest", "RemovePodSandboxRequest", "StopPodSandboxRequest"],
    "UpdatePodSandboxResourcesRequest",
  ],
  container_id: [
    ...["AttachRequest", "CheckpointContainerRequest", "ContainerMetrics", "ContainerStatsRequest"],
    ...["ContainerStatusRequest", "ExecRequest", "ExecSyncRequest", "RemoveContainerRequest"],
    ...["ReopenContainerLogRequest", "StartContainerRequest", "StopContainerRequest"],
    "UpdateContainerResourcesRequest",
  ],
  items: ["ListPodSandboxResponse"],
  containers: ["ListContainersResponse"],
  images: ["ListImagesResponse"],
  stats: ["ListContainerStatsResponse", "ListPodSandboxStatsResponse"],
  metrics: ["ContainerMetrics"],
  metric_type: ["Metric"],
  container_event_type: ["ContainerEventResponse"],
  options: ["Namespace"],
  profile_type: ["SecurityProfile"],
  protocol: ["PortMapping"],
};

/** What v1alpha2 says otherwise, because it is otherwise there. */
const differs = [
  ...["RuntimeService", "RuntimeService.CreateContainer", "RuntimeService.Status", "ImageService"],
  ...["VersionResponse.runtime_api_version", "NamespaceOption.userns_options", "PodSandboxStatusResponse"],
  ...[
    "PodSandboxConfig",
    "Mount.host_path",
    "KeyValue.value",
    "ContainerConfig.image",
    "Container.image_ref",
    "WindowsPodSandboxStats",
  ],
  ...["ImageSpec", "Image.id", "PullImageResponse.image_ref", "StatusResponse"],
];

const smallWords = new Set(["a", "an", "the", "of", "for", "to", "in", "on", "is", "are", "and", "or", "it", "its"]);
const wordsOf = (text: string): readonly string[] =>
  text
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");

const textOf = ({ comment }: Declaration): string => comment.join("\n");

describe.each([
  ["v1", file_runtime_v1_api],
  ["v1alpha2", file_runtime_v1alpha2_api],
] as const)("comments of runtime.%s", (version, file) => {
  const proto = read(`../../../proto/runtime/${version}/api.proto`);
  const declarations = declarationsOf(proto);
  const commented = declarations.filter(({ comment }) => comment.length > 0);

  it("are looked for at every declaration", () => {
    const count = (kind: Declaration["kind"]): number => declarations.filter((one) => one.kind === kind).length;
    expect(count("message")).toBe(file.messages.length);
    expect(count("field")).toBe(file.messages.flatMap((message) => message.fields).length);
    expect(count("rpc")).toBe(file.services.flatMap((service) => service.methods).length);
    expect(count("enum")).toBe(file.enums.length + file.messages.flatMap((message) => message.nestedEnums).length);
  });

  it("stand before every service, RPC, message and enum", () => {
    const must = declarations.filter(({ kind }) => kind !== "field" && kind !== "value");
    expect(must.filter(({ comment }) => comment.length === 0).map(({ name }) => name)).toEqual([]);
  });

  it("stand before every field, but for those whose name says it all", () => {
    const without = declarations.filter(({ kind, comment }) => kind === "field" && comment.length === 0);
    const known = Object.entries(selfExplanatory).flatMap(([field, messages]) => messages.map((m) => `${m}.${field}`));
    const here = known.filter((name) => declarations.some((one) => one.name === name));
    expect(without.map(({ name }) => name).sort()).toEqual(here.sort());
    if (version === "v1") expect(here).toHaveLength(known.length);
  });

  it("say more than the name", () => {
    const bare = commented.filter((one) => {
      const named = new Set(wordsOf(one.name));
      return wordsOf(textOf(one)).every((word) => smallWords.has(word) || named.has(word));
    });
    expect(bare.map(({ name }) => name)).toEqual([]);
  });

  it("are short, and whole sentences or phrases with a full stop", () => {
    const limit = (kind: Declaration["kind"]): number => (kind === "field" || kind === "value" ? 4 : 11);
    expect(commented.filter(({ kind, comment }) => comment.length > limit(kind)).map(({ name }) => name)).toEqual([]);
    expect(commented.filter((one) => !/^["`A-Z0-9-].*[.?]$/s.test(textOf(one))).map(({ name }) => name)).toEqual([]);
    expect(proto.split("\n").filter((line) => line.length > 120)).toEqual([]);
  });

  it("are safe in TSDoc: no tag, no brace, no bracket and no end of a comment outside of code", () => {
    const unsafe = commented.filter(({ comment }) =>
      comment.some((line) => /[@{}<>\\]|\*\//.test(line.replace(/`[^`]*`/g, "")) || line.includes("*/")),
    );
    expect(unsafe.map(({ name }) => name)).toEqual([]);
    const unbalanced = commented.filter(({ comment }) => comment.some((line) => line.split("`").length % 2 === 0));
    expect(unbalanced.map(({ name }) => name)).toEqual([]);
  });

  it("name no field and no message that is not there", () => {
    const names = new Set(declarations.map(({ name }) => name));
    const last = new Set(declarations.map(({ name }) => name.split(".").at(-1)));
    const wrong = commented.flatMap((one) =>
      [...textOf(one).matchAll(/`([A-Za-z]+\.[a-z_]+|[a-z]+(?:_[a-z]+)+|image\.[a-z_]+)`/g)]
        .map(([, ref = ""]) => ref)
        .filter(
          (ref) =>
            !(ref.startsWith("image.") ? names.has(`ImageSpec.${ref.slice(6)}`) : names.has(ref) || last.has(ref)),
        )
        .map((ref) => `${one.name}: ${ref}`),
    );
    expect(wrong).toEqual([]);
  });

  it("are in the generated types, where an editor shows them", () => {
    const generated = new Set(
      read(`../src/gen/runtime/${version}/api_pb.ts`)
        .split("\n")
        .map((line) => line.trim()),
    );
    const lost = commented.flatMap(({ comment }) => comment.filter((line) => !generated.has(`* ${line}`.trim())));
    expect(lost).toEqual([]);
  });
});

describe("comments of runtime.v1alpha2 beside those of v1", () => {
  const now = declarationsOf(read("../../../proto/runtime/v1/api.proto"));
  const old = declarationsOf(read("../../../proto/runtime/v1alpha2/api.proto"));

  it("are the same, but where the thing is another", () => {
    const texts = new Map(now.map((one) => [one.name, textOf(one)]));
    const others = old.filter((one) => texts.get(one.name) !== textOf(one));
    expect(others.map(({ name }) => name).sort()).toEqual([...differs].sort());
  });

  it("name no RPC and no message that v1 alone has", () => {
    const shortName = ({ name }: Declaration): string => name.replace(/^(Runtime|Image)Service\./, "");
    const here = new Set(old.map(shortName));
    const newer = new Set(now.map(shortName).filter((name) => /^[A-Z][a-z]\w+$/.test(name) && !here.has(name)));
    const wrong = old.flatMap((one) => (textOf(one).match(/\b[A-Z]\w+/g) ?? []).filter((word) => newer.has(word)));
    expect(wrong).toEqual([]);
  });
});
