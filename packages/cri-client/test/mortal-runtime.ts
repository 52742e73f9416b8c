// A runtime that answers the calls of a negotiation and counts all others, which it never answers.
// usage, by fork: mortal-runtime.ts SOCKET
import http2 from "node:http2";
import process from "node:process";
import { answer, envelope, good } from "./faulty-runtime.ts";

const [socket] = process.argv.slice(2);
/** `runtime_name`, the second field, of VersionResponse. */
const version = answer(envelope(Buffer.from("\x12\x06mortal")), { "grpc-status": "0" });

const server = http2.createServer({ settings: { maxConcurrentStreams: 1000 } });
let waiting = 0;
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  stream.resume();
  const method = String(headers[":path"]).split("/").at(-1);
  if (method === "Version") version(stream);
  else if (method === "ImageFsInfo") good(stream);
  else process.send?.(++waiting);
});
server.listen(socket, () => process.send?.(0));
// whoever started it has ended
process.once("disconnect", () => process.exit());
