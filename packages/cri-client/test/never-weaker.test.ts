import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type CreateContainerRequest, NamespaceMode, SecurityProfile_ProfileType } from "@keelson/cri-api/v1";
import { type CriVersion, criServices } from "@keelson/cri-api/versions";
import { type CriConnectionEvent, connectCri } from "@keelson/cri-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;
let socket: string;
let server: http2.Http2Server;
/** The requests that arrived. */
let created: CreateContainerRequest[];
/** How often the runtime was asked for its Status. */
let asked: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keelson-weaker-"));
  socket = join(folder, "cri.sock");
  created = [];
  asked = 0;
});
afterEach(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

/** A runtime of one version, with a handler that keeps recursive read-only mounts or not. */
async function serve(version: CriVersion, recursiveReadOnlyMounts = false): Promise<void> {
  const unimplemented = { "content-type": "application/grpc", "grpc-status": "12" };
  server = http2.createServer(
    connectNodeAdapter({
      routes: (router) => {
        router.service(criServices[version].runtime, {
          version: () => ({}),
          status: () => {
            asked++;
            return { runtimeHandlers: [{ name: "", features: { recursiveReadOnlyMounts } }] };
          },
          createContainer: (request) => {
            created.push(request);
            return { containerId: "c" };
          },
        });
        router.service(criServices[version].image, { imageFsInfo: () => ({}) });
      },
      fallback: (_, response) => {
        response.writeHead(200, unimplemented);
        response.end();
      },
    }),
  );
  await new Promise<void>((resolve) => server.listen(socket, resolve));
}

const mount = { containerPath: "/data", hostPath: "/data", readonly: true, recursiveReadOnly: true };

describe("a request", () => {
  it("of a kubelet goes out in v1alpha2 with what that has, and what it lacks is told", async () => {
    await serve("v1alpha2");
    const events: CriConnectionEvent[] = [];
    await using cri = await connectCri({ runtimeEndpoint: socket, onEvent: (event) => events.push(event) });
    const config = {
      image: { image: "busybox", userSpecifiedImage: "busybox:latest" },
      linux: {
        securityContext: {
          namespaceOptions: { usernsOptions: { mode: NamespaceMode.NODE } },
          seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
        },
      },
    };
    await cri.runtime.createContainer({ podSandboxId: "p", config });
    expect(created[0]?.config?.image).toMatchObject({ image: "busybox", userSpecifiedImage: "" });
    // all that containerd 1.4 reads
    expect(created[0]?.config?.linux?.securityContext?.seccompProfilePath).toBe("runtime/default");
    const dropped = events.filter((event) => event.type === "field-dropped");
    expect(dropped.map(({ field, security }) => [field, security])).toContainEqual([
      "config.image.user_specified_image",
      false,
    ]);
    expect(dropped.every(({ security }) => !security)).toBe(true);
    // the caller's own stays as it was
    expect(config.image.userSpecifiedImage).toBe("busybox:latest");
    expect(asked).toBe(0);
  });

  it.each(["v1", "v1alpha2"] as const)(
    "for more than a runtime of %s shows to keep is refused by name",
    async (version) => {
      await serve(version);
      await using cri = await connectCri({ runtimeEndpoint: socket });
      const call = cri.runtime.createContainer({ podSandboxId: "p", config: { mounts: [mount] } });
      await expect(call).rejects.toMatchObject({
        code: "FAILED_PRECONDITION",
        reason: "WEAKER_THAN_ASKED",
        message: expect.stringContaining("config.mounts[0].recursive_read_only"),
      });
      expect(created).toEqual([]);
    },
  );

  it("is weakened where the caller chose so, and told as such", async () => {
    await serve("v1");
    const events: CriConnectionEvent[] = [];
    await using cri = await connectCri({
      runtimeEndpoint: socket,
      onUnsupportedField: "drop",
      onEvent: (event) => events.push(event),
    });
    await cri.runtime.createContainer({ podSandboxId: "p", config: { mounts: [mount] } });
    expect(created[0]?.config?.mounts[0]).toMatchObject({ readonly: true, recursiveReadOnly: false });
    expect(events).toContainEqual(
      expect.objectContaining({
        type: "field-dropped",
        method: "RuntimeService/CreateContainer",
        field: "config.mounts[0].recursive_read_only",
        security: true,
      }),
    );
    await expect(
      cri.runtime.createContainer({ podSandboxId: "p", config: { mounts: [mount] } }, { onUnsupportedField: "refuse" }),
    ).rejects.toMatchObject({ reason: "WEAKER_THAN_ASKED" });
  });

  it("is left to the runtime where the caller knows it to refuse, but for what the version can't carry", async () => {
    await serve("v1");
    await using cri = await connectCri({ runtimeEndpoint: socket, onUnsupportedField: "send" });
    await cri.runtime.createContainer({ podSandboxId: "p", config: { mounts: [mount] } });
    expect(created[0]?.config?.mounts[0]?.recursiveReadOnly).toBe(true);
    expect(asked).toBe(0);
    server.close();
    socket = join(folder, "old.sock");
    await serve("v1alpha2");
    await using old = await connectCri({ runtimeEndpoint: socket, onUnsupportedField: "send" });
    await expect(old.runtime.createContainer({ podSandboxId: "p", config: { mounts: [mount] } })).rejects.toMatchObject(
      { reason: "WEAKER_THAN_ASKED" },
    );
  });

  it("goes out as it is where the runtime shows to keep it, which is asked once", async () => {
    await serve("v1", true);
    await using cri = await connectCri({ runtimeEndpoint: socket });
    const create = (): Promise<unknown> =>
      cri.runtime.createContainer({ podSandboxId: "p", config: { mounts: [mount] } });
    await Promise.all([create(), create()]);
    await create();
    expect(created.map(({ config }) => config?.mounts[0]?.recursiveReadOnly)).toEqual([true, true, true]);
    expect(asked).toBe(1);
  });
});
