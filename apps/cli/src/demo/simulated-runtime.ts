import { startFakeRuntime } from "@keelson/fake-runtime";
import type { DemoRuntime, DemoStage } from "./demo-runtime.ts";

const image = "docker.io/library/busybox:latest";
const page = "Hello from the container next door!";

/** The same story on the simulated engine: programs are scripts that it plays. */
export function startSimulatedRuntime({ story }: DemoStage): Promise<DemoRuntime> {
  return story.stage("start keelson-fake", async (tell) => {
    const fake = await startFakeRuntime({ script: { images: [image] } });
    tell("it plays containers from scripts");
    const script = (value: unknown): Record<string, string> => ({ "keelson.script": JSON.stringify(value) });
    return {
      endpoint: fake.endpoint,
      image,
      pulled: "simulated",
      programs: {
        web: {
          does: "a script for a web server",
          command: [],
          annotations: script({
            log: [{ text: "127.0.0.1:40000: response:200", stream: "stderr", atMs: 20 }],
            exec: [{ command: ["hostname"], stdout: "demo\n" }],
          }),
        },
        visitor: {
          does: "a script for its visitor",
          command: [],
          annotations: script({ log: [{ text: page, atMs: 20 }], stop: { code: 0 } }),
        },
      },
      lastWords: () => [],
      close: () => fake.close(),
    };
  });
}
