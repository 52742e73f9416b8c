// The client beside @grpc/grpc-js: calls per second, memory, a long list, and where the time goes.
// usage: node bench/client-calls.ts --containerd PATH [--rounds N] [--slice MS] [--calls N] [--out FILE]
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import type { ClientResult } from "./client/client-result.ts";
import { clientTable, profileTables } from "./client/client-tables.ts";
import { measureLists, measureLoad, measureMemory, profileCalls } from "./client/measurements.ts";
import { withContainerd } from "./client/with-containerd.ts";
import { withListServer } from "./client/with-list-server.ts";
import { readCircumstances } from "./machine.ts";

const { values } = parseArgs({
  options: {
    containerd: { type: "string" },
    rounds: { type: "string", default: "4" },
    slice: { type: "string", default: "500" },
    calls: { type: "string", default: "100000" },
    out: { type: "string", default: join(import.meta.dirname, "results/client.json") },
  },
});
if (values.containerd === undefined) throw new Error("--containerd: want the path of containerd's binary");
const whole = (name: "rounds" | "slice" | "calls", least: number): number => {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`--${name}: want ${least} or more, got ${values[name]}`);
  return value;
};
const rounds = whole("rounds", 1);
const sliceMs = whole("slice", 50);
const calls = whole("calls", 100);

await withContainerd(values.containerd, async ({ socket, version }) => {
  const circumstances = await readCircumstances({ containerd: version, ...peerVersions() });
  const load = await measureLoad(socket, rounds, sliceMs);
  const memory = await measureMemory(socket, calls);
  const profiles = await profileCalls(socket, Math.min(calls, 20_000));
  const { lists, listBytes } = await withListServer(async (server) => ({
    lists: await measureLists(server.socket, rounds),
    listBytes: server.listBytes,
  }));
  const slices = load[0]?.samples.length ?? 0;
  const result: ClientResult = { ...circumstances, slices, sliceMs, load, memory, listBytes, lists, profiles };
  await writeFile(values.out, `${JSON.stringify(result, undefined, 1)}\n`);
  process.stdout.write(`${clientTable(result)}\n\n${profileTables(result)}\n`);
});

function peerVersions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const versionOf = (name: string): string => (require(`${name}/package.json`) as { version: string }).version;
  return Object.fromEntries(["@grpc/grpc-js", "@grpc/proto-loader"].map((name) => [name, versionOf(name)]));
}
