import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { parseEndpoint } from "@keelson/cri-api/endpoint";
import { criServices } from "@keelson/cri-api/versions";
import {
  type Connection,
  learnServerFacts,
  openConnection,
  probeMethods,
  probeVersions,
} from "@keelson/cri-client/probe";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startFakeRuntime } from "../../../apps/fake-runtime/src/index.ts";

let folder: string;
let socket: string;
let asked: string[];
const servers: net.Server[] = [];
const connections: Connection[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keelson-probe-"));
  socket = join(folder, "cri.sock");
  asked = [];
});
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close();
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true });
});

async function listen<S extends net.Server>(server: S): Promise<void> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
}

/** A server of these routes that answers everything else as grpc-go does. */
function serve(routes: (router: ConnectRouter) => void): Promise<void> {
  const unimplemented = { "content-type": "application/grpc", "grpc-status": "12", "grpc-message": "unknown service" };
  const adapter = connectNodeAdapter({
    routes,
    fallback: (_, response) => {
      response.writeHead(200, unimplemented);
      response.end();
    },
  });
  return listen(
    http2.createServer((request, response) => {
      asked.push(request.url.split("/").slice(-1).join());
      adapter(request, response);
    }),
  );
}

function connect(endpoint = `unix://${socket}`): Connection {
  const connection = openConnection(parseEndpoint(endpoint));
  connections.push(connection);
  return connection;
}

const v1 = { version: "v1", timeoutMs: 5000 } as const;
const notFound = (): never => {
  throw new ConnectError("no such container", Code.NotFound);
};
/** A stream that is served and says nothing. */
async function* silent(): AsyncGenerator<never> {
  await new Promise(() => {});
}
const runtime = criServices.v1.runtime;

describe("probeMethods()", () => {
  it("tells an error of the method's own from one that is not served", async () => {
    await serve((router) => {
      router.service(runtime, { version: () => ({}), status: () => ({}), containerStatus: notFound });
    });
    const methods = await probeMethods({ ...v1, transport: connect().transport });
    expect(methods.get("RuntimeService/Status")).toBe("served");
    expect(methods.get("RuntimeService/ContainerStatus")).toBe("served");
    expect(methods.get("RuntimeService/PodSandboxStatus")).toBe("unimplemented");
    expect(methods.get("ImageService/ImageFsInfo")).toBe("unimplemented");
  });

  it("names every method of the version, under the same name for both", async () => {
    await serve(() => {});
    const { transport } = connect();
    const methods = await probeMethods({ ...v1, transport });
    expect(methods.size).toBe(runtime.methods.length + criServices.v1.image.methods.length);
    const old = await probeMethods({ ...v1, version: "v1alpha2", transport });
    expect([...old.keys()].filter((key) => !methods.has(key))).toEqual([]);
    expect(old.has("RuntimeService/RuntimeConfig")).toBe(false);
  });

  it("asks for nothing that could change anything", async () => {
    await serve((router) => {
      router.service(runtime, {});
    });
    const methods = await probeMethods({ ...v1, transport: connect().transport });
    const forbidden = [
      ...["RunPodSandbox", "StopPodSandbox", "RemovePodSandbox", "CreateContainer", "StartContainer", "StopContainer"],
      ...["RemoveContainer", "UpdateContainerResources", "UpdateRuntimeConfig", "PortForward", "RestorePod"],
      ...["PullImage", "RemoveImage"],
    ];
    expect(asked.filter((name) => forbidden.includes(name))).toEqual([]);
    for (const name of forbidden) {
      const key = name.endsWith("Image") ? `ImageService/${name}` : `RuntimeService/${name}`;
      expect(methods.get(key), key).toBe("not-asked");
    }
  });

  it("counts a stream that stays silent as served, and leaves it", async () => {
    let left = 0;
    await serve((router) => {
      router.service(runtime, {
        version: () => ({}),
        status: () => ({ features: {} }),
        async *getContainerEvents(_, { signal }) {
          signal.addEventListener("abort", () => left++);
          yield* silent();
        },
        async *streamContainers() {
          yield {};
          yield* silent();
        },
        streamPodSandboxes: async function* () {},
      });
    });
    const methods = await probeMethods({ ...v1, transport: connect().transport });
    expect(methods.get("RuntimeService/GetContainerEvents")).toBe("served");
    expect(methods.get("RuntimeService/StreamContainers")).toBe("served");
    expect(methods.get("RuntimeService/StreamPodSandboxes")).toBe("served");
    expect(methods.get("RuntimeService/StreamPodSandboxStats")).toBe("unimplemented");
    await expect.poll(() => left).toBe(1);
  });

  it("does not take events from another reader where the runtime shows no features", async () => {
    await serve((router) => {
      router.service(runtime, { version: () => ({}), status: () => ({}), getContainerEvents: silent });
    });
    const methods = await probeMethods({ ...v1, transport: connect().transport });
    expect(methods.get("RuntimeService/GetContainerEvents")).toBe("not-asked");
    expect(asked).not.toContain("GetContainerEvents");
  });

  it("takes neither a web server's 404 nor an unreachable runtime's answer for a method that is not served", async () => {
    await listen(
      http2.createServer((request, response) => {
        response.writeHead(request.url.endsWith("Status") ? 404 : 200, {
          "content-type": "application/grpc",
          "grpc-status": "14",
        });
        response.end();
      }),
    );
    const methods = await probeMethods({ ...v1, transport: connect().transport });
    expect([...new Set(methods.values())].sort()).toEqual(["not-asked", "unanswered"]);
  });

  it.each(["status", "containerStatus"] as const)(
    "loses only %s to a runtime that leaves it unanswered",
    async (name) => {
      await serve((router) => {
        const methods = {
          version: () => ({}),
          status: () => ({}),
          listContainers: () => ({}),
          streamContainers: silent,
        };
        router.service(runtime, { ...methods, [name]: () => new Promise<never>(() => {}) });
      });
      const methods = await probeMethods({ ...v1, timeoutMs: 1500, transport: connect().transport });
      const unanswered = [...methods].filter(([, answer]) => answer === "unanswered").map(([key]) => key);
      expect(unanswered).toEqual([`RuntimeService/${runtime.method[name].name}`]);
      expect(methods.get("RuntimeService/ListContainers")).toBe("served");
      expect(methods.get("RuntimeService/StreamContainers")).toBe("served");
    },
  );

  it("gives up on a silent peer in time", async () => {
    await listen(net.createServer());
    const methods = await probeMethods({ ...v1, timeoutMs: 50, transport: connect().transport });
    expect(methods.get("RuntimeService/Version")).toBe("unanswered");
    expect(methods.get("RuntimeService/StreamContainers")).toBe("unanswered");
  });

  it("ends with the reason of the caller's signal", async () => {
    await listen(net.createServer((peer) => peer.once("data", () => leave.abort(new Error("enough")))));
    const leave = new AbortController();
    const probe = probeMethods({ ...v1, transport: connect().transport, signal: leave.signal });
    await expect(probe).rejects.toThrow("enough");
  });
});

describe("learnServerFacts()", () => {
  it("reads the generation from the newest call and the features from Status", async () => {
    await serve((router) => {
      router.service(runtime, {
        status: () => ({ features: { supplementalGroupsPolicy: true }, runtimeHandlers: [{ name: "runc" }] }),
        runtimeConfig: () => ({}),
        checkpointContainer: notFound,
      });
    });
    const facts = await learnServerFacts({ ...v1, transport: connect().transport });
    expect(facts.generation).toBe("1.28");
    expect(facts.features?.supplementalGroupsPolicy).toBe(true);
    expect(facts.handlers.map(({ name }) => name)).toEqual(["runc"]);
  });

  it("shows an old runtime as older than all that v1 brought", async () => {
    await serve((router) => {
      router.service(criServices.v1alpha2.runtime, { status: () => ({}), version: () => ({}) });
    });
    const facts = await learnServerFacts({ ...v1, version: "v1alpha2", transport: connect().transport });
    expect(facts).toMatchObject({ version: "v1alpha2", generation: "before 1.25", features: undefined, handlers: [] });
  });

  it("learns nothing from a runtime that is not ready to answer Status", async () => {
    await serve((router) => {
      const starting = (): never => {
        throw new ConnectError("server is not initialized yet", Code.Unknown);
      };
      router.service(runtime, { status: starting, runtimeConfig: starting });
    });
    await expect(learnServerFacts({ ...v1, transport: connect().transport })).rejects.toThrow("not initialized");
  });

  it("learns nothing from a runtime that leaves a call unanswered, because that may pass", async () => {
    let isSilent = true;
    await serve((router) => {
      router.service(runtime, {
        version: () => ({}),
        status: () => ({}),
        runtimeConfig: () => (isSilent ? new Promise(() => {}) : {}),
      });
    });
    const { transport } = connect();
    await expect(learnServerFacts({ ...v1, timeoutMs: 100, transport })).rejects.toMatchObject({
      code: Code.DeadlineExceeded,
    });
    isSilent = false;
    expect((await learnServerFacts({ ...v1, transport })).generation).toBe("1.28");
  });

  it("counts a call that it may not make as not served", async () => {
    await serve((router) => {
      router.service(runtime, {
        version: () => ({}),
        status: () => ({}),
        runtimeConfig: () => {
          throw new ConnectError("not for you", Code.PermissionDenied);
        },
      });
    });
    expect((await learnServerFacts({ ...v1, transport: connect().transport })).generation).toBe("before 1.25");
  });

  it.each(["v1", "v1alpha2"] as const)("learns what the fake runtime shows on %s", async (version) => {
    await using fake = await startFakeRuntime();
    const facts = await learnServerFacts({ ...v1, version, transport: connect(fake.endpoint).transport });
    expect(facts.methods.get("RuntimeService/ListContainers")).toBe("not-asked");
    expect(facts.generation).toBe(version === "v1" ? "1.36" : "before 1.25");
    expect(facts.handlers[0]?.features?.recursiveReadOnlyMounts).toBe(true);
  });
});

describe("probeVersions()", () => {
  const versions = ["v1", "v1alpha2"] as const;
  const probe = (service: "runtime" | "image"): ReturnType<typeof probeVersions> => {
    const { transport, endpoint } = connect();
    return probeVersions({ transport, endpoint, versions, service, timeoutMs: 500 });
  };

  it("asks for each version and service by the kubelet's own call", async () => {
    await serve((router) => {
      router.service(criServices.v1alpha2.runtime, { version: () => ({}) });
      router.service(criServices.v1.image, { imageFsInfo: () => ({}) });
    });
    expect([...(await probe("runtime"))]).toEqual([
      ["v1", { answer: "unimplemented" }],
      ["v1alpha2", { answer: "served" }],
    ]);
    expect([...(await probe("image"))]).toEqual([
      ["v1", { answer: "served" }],
      ["v1alpha2", { answer: "unimplemented" }],
    ]);
    expect(asked).toEqual(["Version", "Version", "ImageFsInfo", "ImageFsInfo"]);
  });

  it("tells a failure of each version, and the rest all the same", async () => {
    await serve((router) => {
      router.service(runtime, {
        version: () => {
          throw new ConnectError("not today", Code.PermissionDenied);
        },
      });
    });
    const answers = await probe("runtime");
    expect(answers.get("v1")).toMatchObject({ answer: "failed", error: { code: "PERMISSION_DENIED" } });
    expect(answers.get("v1alpha2")).toEqual({ answer: "unimplemented" });
  });

  it("says of a web server that it is no gRPC, and of a socket that is not there that nothing listens", async () => {
    expect((await probe("runtime")).get("v1")).toMatchObject({ error: { reason: "NOT_LISTENING" } });
    await listen(http2.createServer((_, response) => response.writeHead(404).end()));
    expect((await probe("runtime")).get("v1")).toMatchObject({ answer: "failed", error: { reason: "NOT_GRPC" } });
  });
});
