import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { isCriError } from "@keelson/cri-api/errors";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { containerConfig, hostFacts, poorFacts, sandboxConfig, specInput } from "../../test/spec/fixtures.ts";
import { buildContainerSpec } from "./build-container-spec.ts";
import { admitContainer, admitSandbox } from "./guard.ts";
import { serializeSpec } from "./runtime-spec.ts";
import { localhostSeccompPath } from "./seccomp/build-seccomp.ts";
import { resolveUser } from "./users.ts";

const texts = ["\0", "\u009b31m\n", "../../etc/passwd", "/proc/self/fd/7", "__proto__", "ALL", "a=b", "-1", "1e3", "ü"];
const numbers = [-(2n ** 63n), -1n, 1n, 2n ** 31n, 2n ** 53n + 1n, 2n ** 63n - 1n];
const long = "x".repeat(200_000);

/** Values of one field that somebody might send to find out what happens. */
function hostile(field: DescField, depth: number): unknown[] {
  switch (field.fieldKind) {
    case "enum":
      return [...field.enum.values.map((value) => value.number), 99];
    case "scalar":
      return scalars(create(field.parent, {}), field);
    case "map":
      return [...texts, long]
        .flatMap((text) => [new Map([[text, "1"]]), new Map([["pids.max", text]])])
        .map((map) => Object.fromEntries(map));
    case "message":
      return variants(field.message, depth + 1);
    case "list":
      if (field.listKind === "message") return variants(field.message, depth + 1).map((message) => [message, message]);
      return field.listKind === "scalar" && field.scalar === ScalarType.STRING
        ? [...texts, long].map((text) => [text])
        : [numbers];
  }
}

function scalars(empty: Message, field: DescField): unknown[] {
  switch (typeof (empty as unknown as Record<string, unknown>)[field.localName]) {
    case "string":
      return [...texts, long];
    case "bigint":
      return numbers;
    case "number":
      return [0, 1, 2 ** 31, 2 ** 32 - 1];
    case "boolean":
      return [true];
    default:
      return texts.map((text) => new TextEncoder().encode(text)).concat(Uint8Array.of(0xff));
  }
}

/** A message for each hostile value of each of its fields, one at a time. */
function variants(desc: DescMessage, depth = 0): Message[] {
  const empty = create(desc, {});
  if (depth > 6) return [empty];
  const changed = desc.fields.flatMap((field) =>
    hostile(field, depth).map((value) => Object.assign(create(desc, {}), { [field.localName]: value })),
  );
  return [empty, ...changed];
}

async function outcome(run: () => unknown): Promise<string> {
  try {
    await run();
    return "taken";
  } catch (error) {
    if (isCriError(error, "INVALID_ARGUMENT") || isCriError(error, "FAILED_PRECONDITION")) return error.code;
    throw error;
  }
}

async function build(config: ContainerConfig, facts = hostFacts()): Promise<void> {
  const sandbox = sandboxConfig();
  admitContainer(config, sandbox, facts);
  const user = await resolveUser({
    context: config.linux?.securityContext,
    imageUser: "",
    readFile: async () => undefined,
  });
  const input = specInput({
    config,
    sandbox,
    facts,
    user,
    mountSources: config.mounts.map(({ hostPath }) => ({
      path: hostPath,
      propagation: "private",
      forbids: [],
      procfs: false,
    })),
    deviceSources: config.devices.map(({ hostPath }) => ({ path: hostPath, nodes: [] })),
    seccompProfile: localhostSeccompPath(config) === undefined ? undefined : "{}",
    allowedAnnotations: ["*"],
  });
  JSON.parse(serializeSpec(buildContainerSpec(input).spec));
}

describe("hostile values", () => {
  it.each([
    { name: "cgroup v2", facts: hostFacts() },
    { name: "cgroup v1", facts: poorFacts() },
  ])("T3.11 T12.01 of a container are taken or refused by name on $name, and nothing else", async ({ facts }) => {
    const outcomes = new Set<string>();
    for (const change of variants(ContainerConfigSchema)) {
      const config = Object.assign(containerConfig(), change, { command: ["/bin/app"] }) as ContainerConfig;
      outcomes.add(await outcome(() => build(config, facts)));
    }
    expect([...outcomes].sort()).toEqual(["FAILED_PRECONDITION", "INVALID_ARGUMENT", "taken"]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it("T3.11 T12.01 of a sandbox are taken or refused by name, and nothing else", async () => {
    const outcomes = new Set<string>();
    for (const change of variants(PodSandboxConfigSchema)) {
      const config = Object.assign(sandboxConfig(), change) as PodSandboxConfig;
      outcomes.add(await outcome(() => admitSandbox(config, hostFacts())));
    }
    expect([...outcomes].sort()).toEqual(["FAILED_PRECONDITION", "INVALID_ARGUMENT", "taken"]);
  });
});
