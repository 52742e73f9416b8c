import { describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { busyboxImage, pushImage } from "../src/build/index.ts";
import { parseReference } from "../src/reference/index.ts";
import { startDockerRegistry } from "./docker-registry.ts";

describe.skipIf(linuxGate.skip)("pushImage()", () => {
  it("fills a real registry with an image of busybox", async () => {
    await using registry = await startDockerRegistry();
    const image = busyboxImage();
    await pushImage(image, { registry: registry.url, reference: parseReference(`${registry.host}/demo/busybox:1`) });
    const answer = await fetch(`${registry.url}/v2/demo/busybox/manifests/1`, {
      headers: { accept: image.manifest.descriptor.mediaType },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("docker-content-digest")).toBe(image.manifest.descriptor.digest);
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(new Uint8Array(image.manifest.bytes));
  });
});
