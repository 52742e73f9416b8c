import { create, type DescMethodUnary, type MessageShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { grpcStatus } from "@keelson/cri-api/errors";
import { RuntimeService } from "@keelson/cri-api/v1";
import { beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../src/ports/index.ts";
import { type CoreHarness, containerConfig, openCore, podConfig } from "./core-harness.ts";

type Named = { readonly method: DescMethodUnary; readonly field: "podSandboxId" | "containerId" };

/** Every unary RPC of the runtime that names one object, read from the protocol. */
const named: readonly (Named & { readonly name: string })[] = RuntimeService.methods.flatMap((method) => {
  if (method.methodKind !== "unary") return [];
  const fields = method.input.fields.map(({ localName }) => localName);
  const field = (["podSandboxId", "containerId"] as const).find((one) => fields.includes(one));
  return field === undefined ? [] : [{ name: method.name, method: method as DescMethodUnary, field }];
});

/** IDs that begin alike: 00…1, 00…2. */
function alike(): () => string {
  let count = 0;
  return () => `ab${String(++count).padStart(4, "0")}`.padEnd(64, "c");
}

/** What else a request needs to be more than a wrong one; anything that names no object. */
const rest: Readonly<Record<string, object>> = {
  CreateContainer: { config: containerConfig("late") },
  ExecSync: { cmd: ["true"] },
  Exec: { cmd: ["true"], stdout: true },
  Attach: { stdout: true },
  PortForward: { port: [80] },
  CheckpointContainer: { location: "/tmp/checkpoint.tar" },
  CheckpointPod: { outputPath: "/tmp/checkpoint", containerIds: ["any"] },
  UpdateContainerResources: { linux: { cpuShares: 2n } },
};

/** An engine with the roles that the simulated one does without. */
function withAllRoles(engine: Engine): Engine {
  const url = async (): Promise<string> => "http://127.0.0.1/";
  const streams = { exec: url, attach: url, portForward: url };
  const checkpoints = { container: async () => {}, pod: async () => {} };
  return { ...engine, streams, checkpoints };
}

describe("an identifier", () => {
  let harness: CoreHarness;
  let ids: Readonly<Record<Named["field"], readonly [string, string]>>;
  beforeAll(async () => {
    harness = await openCore({ newId: alike(), over: withAllRoles });
    const { runtime } = harness;
    const pod = async (name: string) => (await runtime.runPodSandbox({ config: podConfig(name) })).podSandboxId;
    const [first, second] = [await pod("first"), await pod("second")];
    const container = async (podSandboxId: string) =>
      (await runtime.createContainer({ podSandboxId, config: containerConfig() })).containerId;
    ids = { podSandboxId: [first, second], containerId: [await container(first), await container(second)] };
  });

  /** The error of a call with this ID; undefined when it succeeds. */
  const answer = async ({ method, field }: Named, id: string): Promise<ConnectError | undefined> => {
    const request = create(method.input, { ...rest[method.name], [field]: id }) as MessageShape<typeof method.input>;
    const client = harness.runtime as unknown as Record<string, (request: unknown) => Promise<unknown>>;
    return await client[method.localName]?.(request).then(
      () => undefined,
      (error: unknown) => ConnectError.from(error),
    );
  };

  it("is asked for by many RPCs", () => {
    expect(named.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        "StopPodSandbox",
        "ContainerStatus",
        "ExecSync",
        "UpdateContainerResources",
        "PortForward",
      ]),
    );
  });

  it.each(named)("of $name that begins two is refused, naming both", async (rpc) => {
    const error = await answer(rpc, "ab000");
    expect({ code: error?.code, message: error?.rawMessage }).toMatchObject({ code: grpcStatus.INVALID_ARGUMENT });
    for (const id of ids[rpc.field]) expect(error?.rawMessage).toContain(id);
  });

  it.each(named)("of $name that is empty or nobody's is told so; to stop or remove nobody is done", async (rpc) => {
    const [empty, unknown] = [await answer(rpc, ""), await answer(rpc, "f".repeat(64))];
    expect(empty?.code).toBe(grpcStatus.INVALID_ARGUMENT);
    const done = /^(Stop|Remove)/.test(rpc.name);
    expect(unknown?.code).toBe(done ? undefined : grpcStatus.NOT_FOUND);
  });

  it.each(named.filter(({ name }) => !/^(Stop|Remove)/.test(name)))(
    "of $name may be cut where it still begins one alone",
    async (rpc) => {
      const error = await answer(rpc, ids[rpc.field][0].slice(0, 6));
      // the object is found: what then is wrong with it is named by its state
      const code = rpc.name === "CheckpointPod" ? grpcStatus.NOT_FOUND : grpcStatus.FAILED_PRECONDITION; // of a container
      if (error !== undefined) expect(error.code).toBe(code);
    },
  );
});
