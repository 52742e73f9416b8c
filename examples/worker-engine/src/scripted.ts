// A program that plays the script in its container's annotation: lines of its log, its end, what a stop does.
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";

interface Line {
  readonly text: string;
  readonly stream?: "stdout" | "stderr";
  readonly atMs?: number;
}
interface Script {
  readonly log?: readonly Line[];
  readonly exit?: { readonly code: number; readonly afterMs?: number };
  readonly stop?: "ignore" | { readonly code?: number; readonly afterMs?: number; readonly log?: readonly Line[] };
  readonly startError?: string;
}

const { annotations } = workerData as { readonly annotations: Readonly<Record<string, string>> };
const { log = [], exit, stop, startError } = JSON.parse(annotations["keelson.script"] ?? "{}") as Script;
if (startError !== undefined) throw new Error(startError);
parentPort?.postMessage("started");

const say = ({ text, stream }: Line): void => console[stream === "stderr" ? "error" : "log"](text);
const end = (code: number, afterMs: number): void => void setTimeout(() => process.exit(code), afterMs);

for (const line of log) {
  if ((line.atMs ?? 0) === 0) say(line);
  else setTimeout(() => say(line), line.atMs);
}
if (exit !== undefined) end(exit.code, exit.afterMs ?? 0);
parentPort?.on("message", (word) => {
  if (word !== "stop" || stop === "ignore") return;
  for (const line of stop?.log ?? []) say(line);
  end(stop?.code ?? 143, stop?.afterMs ?? 0);
});
