import http2 from "node:http2";
import net from "node:net";
import { type Contender, deadlineMs } from "./contender.ts";

/**
 * No client at all, but the floor under those that use `node:http2`: the frames of an empty request, one stream, the
 * bytes of the answer, its status. Nothing is encoded or decoded, and there is no timer for the deadline.
 */
export async function open(socket: string): Promise<Contender> {
  const session = http2.connect("http://localhost", { createConnection: () => net.connect(socket) });
  session.on("error", () => {}); // fails the streams, who tell
  const call = (method: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const stream = session.request({
        ":method": "POST",
        ":path": `/runtime.v1.RuntimeService/${method}`,
        "content-type": "application/grpc",
        "grpc-timeout": `${deadlineMs}m`,
        te: "trailers",
      });
      let bytes = 0;
      let status: unknown;
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      stream.on("trailers", (trailers) => {
        status = trailers["grpc-status"];
      });
      stream.on("error", reject);
      stream.on("end", () => {
        if (status === "0") resolve(bytes);
        else reject(new Error(`call ${method}: grpc-status ${String(status)}`));
      });
      stream.end(Buffer.alloc(5)); // one message without a byte
    });
  return {
    version: () => call("Version"),
    listContainers: () => call("ListContainers"),
    close: () => session.destroy(),
  };
}
