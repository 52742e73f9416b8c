import { scriptAnnotation } from "@keelson/runtime-core/sim";
import { endToEnd } from "../../runtime/test/end-to-end/suite.ts";
import { startFakeRuntime } from "../src/index.ts";

endToEnd("keelson-fake", async ({ images, versions }) => {
  const references = images.map((name) => `registry.test/${name}`);
  const fake = await startFakeRuntime({
    script: { images: references },
    ...(versions === undefined ? {} : { versions }),
  });
  return {
    endpoint: fake.endpoint,
    references,
    program: (script) => ({ command: [], annotations: { [scriptAnnotation]: JSON.stringify(script) } }),
    close: () => fake.close(),
  };
});
