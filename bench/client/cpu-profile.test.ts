import { expect, test } from "vitest";
import { partOf, summarizeProfile } from "./cpu-profile.ts";

test.each([
  ["file:///x/node_modules/.pnpm/@a+b@1/node_modules/@a/b/dist/c.js", "@a/b"],
  ["file:///x/node_modules/.pnpm/c@1_d@2/node_modules/c/index.js", "c"],
  ["file:///x/packages/cri-client/src/session.ts", "@keelson/cri-client"],
  ["file:///x/bench/client/worker.ts", "the benchmark"],
  ["node:internal/http2/core", "node:http2"],
  ["node:internal/streams/readable", "node:stream and node:events"],
  ["node:internal/stream_base_commons", "node:net"],
  ["node:internal/abort_controller", "AbortController and its events"],
  ["node:internal/deps/undici/undici", "Headers"],
  ["node:internal/timers", "timers"],
  ["node:buffer", "the rest of Node"],
  ["", "native code"],
])("time in %s is that of %s", (url, part) => {
  expect(partOf({ functionName: "f", url })).toBe(part);
});

test("shares are of the time that is not idle, and functions of one name and part count together", () => {
  const frame = (functionName: string, url: string) => ({
    functionName,
    url,
    scriptId: "0",
    lineNumber: 0,
    columnNumber: 0,
  });
  const summary = summarizeProfile({
    startTime: 0,
    endTime: 100,
    nodes: [
      { id: 1, callFrame: frame("(idle)", "") },
      { id: 2, callFrame: frame("(garbage collector)", "") },
      { id: 3, callFrame: frame("request", "node:internal/http2/core") },
      { id: 4, callFrame: frame("request", "node:internal/http2/core") },
    ],
    samples: [1, 2, 3, 4],
    timeDeltas: [60, 10, 20, 10],
  });
  expect(summary).toEqual({
    parts: [
      { name: "node:http2", share: 0.75 },
      { name: "garbage collector", share: 0.25 },
    ],
    functions: [{ name: "request (node:http2)", share: 0.75 }],
  });
});
