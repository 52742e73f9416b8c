// What listens where a runtime should be, and is none.
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";

const [socket = "", kind = ""] = process.argv.slice(2);
const kinds: Readonly<Record<string, () => net.Server>> = {
  "web-server": () =>
    http2.createServer((_, response) => {
      response.writeHead(404, { "content-type": "text/plain" });
      response.end("not found");
    }),
  "old-web-server": () => http.createServer((_, response) => response.end("not found")),
  silent: () => net.createServer((connection) => connection.resume()),
  garbage: () =>
    net.createServer((connection) => {
      connection.on("error", () => {});
      connection.write(new Uint8Array(512).fill(0x5a));
    }),
  resets: () => net.createServer((connection) => connection.once("data", () => connection.destroy())),
  hangup: () => net.createServer((connection) => connection.end()),
};
const server = kinds[kind]?.();
if (server === undefined) throw new Error(`no such kind: ${kind}`);
server.listen(socket, () => process.stdout.write("listening\n"));
