import { describe, expect, test } from "vitest";
import { usePeers } from "./peer.ts";
import { runOnThisRuntime } from "./this-runtime.ts";

describe("the end of a process", () => {
  const peers = usePeers();
  const run = (what: string): ReturnType<typeof runOnThisRuntime> =>
    runOnThisRuntime("children/end.ts", [what, peers.socket]);

  test.each([
    "close after a call",
    "close in the middle of a call",
    "close while events are followed",
    "await using",
    "never close",
    "leave a list",
  ])("comes by itself: %s", async (what) => {
    await peers.runtime({ args: ["--events", "on", "--streams", "--items", "5000"] });
    expect(await run(what)).toMatchObject({ code: 0, signal: null, stdout: "last line\n" });
  });

  test("comes by itself: close while the runtime is away", async () => {
    const peer = await peers.runtime();
    const args = ["close while the runtime is away", peers.socket];
    const ended = runOnThisRuntime("children/end.ts", args, (said) => said === "connected\n" && void peer.kill());
    expect(await ended).toMatchObject({ code: 0, signal: null, stdout: "connected\nlast line\n" });
  });

  test("comes by itself: a connection that was never made", async () => {
    expect(await run("fail to connect")).toMatchObject({ code: 0, signal: null, stdout: "last line\n" });
  });
});
