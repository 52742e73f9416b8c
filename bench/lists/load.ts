// The load in a process of its own: calls over one connection, as cheap as node:http2 makes them, so that the runtime and not
// the load is what is measured. Answers are received to their last byte and not decoded.
// usage, by fork: load.ts SOCKET
import http2 from "node:http2";
import net from "node:net";
import process from "node:process";
import type { LoadMessage, LoadSlice, LoadTask } from "./load-protocol.ts";

const [socket] = process.argv.slice(2);
if (socket === undefined) throw new Error("usage: load.ts SOCKET");

/** A minute: no call that is measured takes as long. */
const timeout = "60S";
/** grpc-go, the kubelet's client, finds such windows by itself within a few calls. */
const windowBytes = 1024 * 1024;

const session = http2.connect("http://localhost", {
  createConnection: () => net.connect(socket),
  settings: { initialWindowSize: windowBytes, enablePush: false },
});
session.on("error", () => {}); // fails the streams, who tell
session.on("connect", () => session.setLocalWindowSize(8 * windowBytes));

const send = (message: LoadMessage): void => {
  process.send?.(message);
};
process.on("message", (task: LoadTask) => {
  perform(task).then(
    (slice) => send({ slice }),
    (error: unknown) => send({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.once("disconnect", () => process.exit());
send({ slice: undefined });

/** Keeps so many calls in flight for a while: each that is answered is followed by the next at once. */
async function perform(task: LoadTask): Promise<LoadSlice> {
  const body = framed(task.request);
  const latenciesMs: number[] = [];
  let answerBytes = 0;
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const end = begin + task.durationMs;
  const lane = async (): Promise<void> => {
    for (let before = begin; before < end; ) {
      answerBytes = await call(task.path, body);
      const after = performance.now();
      latenciesMs.push(after - before);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: task.inFlight }, lane));
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, latenciesMs, clientCpuMicros: user + system, answerBytes };
}

/** @returns the bytes of the answer */
function call(path: string, body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
    const stream = session.request({ ...headers, "grpc-timeout": timeout });
    let bytes = 0;
    let status: unknown;
    let message: unknown;
    const told = (told: http2.IncomingHttpHeaders): void => {
      status ??= told["grpc-status"];
      message ??= told["grpc-message"];
    };
    stream.on("response", told);
    stream.on("trailers", told);
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    stream.on("error", reject);
    stream.on("end", () => {
      if (status === "0") resolve(bytes - 5);
      else reject(new Error(`call ${path}: grpc-status ${String(status)}: ${String(message)}`));
    });
    stream.end(body);
  });
}

function framed(message: Uint8Array): Buffer {
  const body = Buffer.alloc(5 + message.length);
  body.writeUInt32BE(message.length, 1);
  body.set(message, 5);
  return body;
}
