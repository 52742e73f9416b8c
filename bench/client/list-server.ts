// A runtime that has 10,000 containers and nothing else: it answers Version, ImageFsInfo and ListContainers by bytes
// that were encoded once. A process of its own, so that its time is not the client's.
// usage, by fork: list-server.ts SOCKET
import http2 from "node:http2";
import process from "node:process";
import { listedContainers } from "./listed-containers.ts";
import { runtimeServiceDefinition } from "./runtime-service-definition.ts";

const [socket] = process.argv.slice(2);
if (socket === undefined) throw new Error("usage: list-server.ts SOCKET");

const service = runtimeServiceDefinition();
const framed = (method: string, answer: object): Buffer => {
  const message = service[method]?.responseSerialize(answer) ?? Buffer.alloc(0);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};
const empty = Buffer.alloc(5);
const answers = new Map([
  ["/runtime.v1.RuntimeService/Version", framed("Version", { runtimeName: "list", runtimeApiVersion: "v1" })],
  ["/runtime.v1.RuntimeService/ListContainers", framed("ListContainers", { containers: listedContainers() })],
  ["/runtime.v1.ImageService/ImageFsInfo", empty],
]);

const server = http2.createServer();
server.on("stream", (stream, headers) => {
  const answer = answers.get(String(headers[":path"]));
  stream.resume();
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": answer === undefined ? "12" : "0" }));
  stream.end(answer ?? Buffer.alloc(0));
});
process.once("disconnect", () => process.exit());
server.listen(socket, () => process.send?.(answers.get("/runtime.v1.RuntimeService/ListContainers")?.length));
