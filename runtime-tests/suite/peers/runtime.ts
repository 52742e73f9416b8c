// A small CRI runtime in a process of its own, always on the same Node: what differs is the client's runtime.
import { rmSync } from "node:fs";
import http2 from "node:http2";
import { parseArgs } from "node:util";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  type ContainerEventResponse,
  ContainerEventResponseSchema,
  ContainerEventType,
  ContainerSchema,
  type ImageService,
  PodSandboxSchema,
  type RuntimeService,
} from "@keelson/cri-api/v1";
import { type CriVersion, criServices, criVersions } from "@keelson/cri-api/versions";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    versions: { type: "string", default: "v1,v1alpha2" },
    services: { type: "string", default: "runtime,image" },
    items: { type: "string", default: "3" },
    streams: { type: "boolean", default: false },
    events: { type: "string", default: "none" },
  },
});
const [socket = ""] = positionals;
const items = Number(values.items);
const sandboxes = Array.from({ length: items }, (_, index) =>
  create(PodSandboxSchema, {
    id: `sandbox-${index}`,
    metadata: { name: `pod-${index}`, uid: `${index}`, namespace: "default", attempt: 0 },
    createdAt: 1_700_000_000_000_000_001n,
    labels: { app: "wéb 🚢" },
  }),
);
const containers = Array.from({ length: items }, (_, index) =>
  create(ContainerSchema, { id: `container-${index}`, podSandboxId: `sandbox-${index}`, metadata: { name: "main" } }),
);

let sessions = 0;
let waiting = 0;
let tell: (event: ContainerEventResponse) => void = () => {};

async function* parts<Part>(key: string): AsyncGenerator<Part> {
  const all = key === "podSandboxes" ? sandboxes : containers;
  for (let at = 0; at < all.length; at += 1000) yield { [key]: all.slice(at, at + 1000) } as Part;
}

const runtime: Partial<ServiceImpl<typeof RuntimeService>> = {
  // how many connections there were is told as the version, which clients only show
  version: () => ({
    version: "0.1.0",
    runtimeName: "peer",
    runtimeVersion: `${sessions}`,
    runtimeApiVersion: values.versions,
  }),
  listPodSandbox: () => ({ items: sandboxes }),
  listContainers: () => ({ containers }),
  containerStatus: ({ containerId }) => {
    throw new ConnectError(`find container "${containerId}": there is none`, Code.NotFound);
  },
  status: () => ({ status: { conditions: [{ type: "RuntimeReady", status: true }] } }),
  // never answers; how many wait is what listMetricDescriptors tells
  reopenContainerLog: (_, { signal }) => {
    waiting++;
    return new Promise((_resolve, reject) =>
      signal.addEventListener("abort", () => {
        waiting--;
        reject(signal.reason);
      }),
    );
  },
  listMetricDescriptors: () => ({ descriptors: [{ name: `${waiting}` }] }),
  execSync: ({ cmd }) => ({ stdout: new Uint8Array(Number(cmd[0])).fill(0xff), exitCode: -1 }),
  createContainer: ({ config }) => ({ containerId: config?.metadata?.name ?? "" }),
  startContainer: ({ containerId }) => {
    const containerEventType = ContainerEventType.CONTAINER_STARTED_EVENT;
    tell(create(ContainerEventResponseSchema, { containerId, containerEventType }));
    return {};
  },
  ...(values.streams && {
    streamPodSandboxes: () => parts("podSandboxes"),
    streamContainers: () => parts("containers"),
  }),
  ...(values.events !== "none" && {
    async *getContainerEvents(_, { signal }) {
      // CRI-O with events off
      if (values.events === "off") return;
      const queue: ContainerEventResponse[] = [];
      let wake: () => void = () => {};
      signal.addEventListener("abort", () => wake());
      tell = (event) => {
        queue.push(event);
        wake();
      };
      while (!signal.aborted) {
        yield* queue.splice(0);
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        if (queue.length === 0) await promise;
      }
    },
  }),
};

const images: Partial<ServiceImpl<typeof ImageService>> = {
  imageFsInfo: () => ({}),
  pullImage: ({ image, auth }) => {
    const name = image?.image ?? "";
    if (name === "unreachable") throw new ConnectError("RegistryUnavailable: nobody answers", Code.Unknown);
    // a careless runtime, which shows what it was given
    throw new ConnectError(`pull ${name} with ${auth?.username}:${auth?.password} failed`, Code.PermissionDenied);
  },
};

const routes = (router: ConnectRouter): void => {
  const wanted = values.versions.split(",");
  for (const version of criVersions.filter((one: CriVersion) => wanted.includes(one))) {
    const services = criServices[version];
    if (values.services.includes("runtime")) router.service(services.runtime, runtime);
    if (values.services.includes("image")) router.service(services.image, images);
  }
};
const unimplemented = { "content-type": "application/grpc", "grpc-status": "12", "grpc-message": "unknown service" };
const server = http2.createServer(
  connectNodeAdapter({
    routes,
    fallback: (_, response) => {
      response.writeHead(200, unimplemented);
      response.end();
    },
  }),
);
server.on("session", () => sessions++);
const path = socket.startsWith("@") ? `\0${socket.slice(1)}` : socket;
// what one that was killed has left
if (path === socket) rmSync(path, { force: true });
server.listen(path, () => process.stdout.write("listening\n"));
