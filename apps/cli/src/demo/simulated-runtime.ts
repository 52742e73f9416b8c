import { startFakeRuntime } from "@keelson/fake-runtime";
import type { DemoRuntime } from "./demo-runtime.ts";
import type { Story } from "./story.ts";

const image = "docker.io/library/busybox:latest";
const page = "Hello from the container next door!";

/** The same story on the simulated engine: programs are scripts that it plays. */
export function startSimulatedRuntime(_folder: string, story: Story): Promise<DemoRuntime> {
  return story.stage("start keelson-fake", async (tell) => {
    const fake = await startFakeRuntime({ script: { images: [image] } });
    tell(fake.endpoint);
    const script = (value: unknown): Record<string, string> => ({ "keelson.script": JSON.stringify(value) });
    return {
      endpoint: fake.endpoint,
      image,
      programs: {
        web: { command: [], annotations: script({ exec: { stdout: "demo\n" } }) },
        visitor: { command: [], annotations: script({ log: [{ text: page, atMs: 20 }] }) },
      },
      close: () => fake.close(),
    };
  });
}
