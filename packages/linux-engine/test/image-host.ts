// A daemon for one test: pulls an image, says so, and stays. `image-host.ts ROOT CERTS_D REFERENCE`
import { create } from "@bufbuild/protobuf";
import { ImageSpecSchema } from "@keelson/cri-api/v1";
import { openImages } from "../src/image/open-images.ts";

const [, , root = "", registryConfigPath = "", image = ""] = process.argv;
const quiet = (): void => undefined;
const images = await openImages({
  root,
  registryConfigPath,
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
});
const task = { signal: new AbortController().signal, stage: quiet };
await images.engine.pull({ image: create(ImageSpecSchema, { image }), auth: undefined, sandbox: undefined }, task);
process.stdout.write("pulled\n");
setInterval(quiet, 1000);
