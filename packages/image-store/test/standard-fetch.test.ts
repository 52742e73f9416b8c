import { describe, expect, it } from "vitest";
import { buildImage } from "../src/build/index.ts";
import { planPull } from "../src/index.ts";
import { createRegistryClient, fromStandardFetch } from "../src/registry/index.ts";
import { contentOf, plainHosts, serve, startScriptedRegistry, writeHosts } from "./scripted-registry.ts";

const image = buildImage({ layers: [[{ path: "f" }]] });
const script = serve(contentOf({ "1": image }));

describe("fromStandardFetch()", () => {
  it("carries a pull over any fetch, with redirects still in our hands", async () => {
    await using registry = await startScriptedRegistry((request, response) =>
      request.url?.includes("/manifests/1")
        ? void response.writeHead(307, { location: `/v2/app/manifests/${image.manifest.descriptor.digest}` }).end()
        : script(request, response),
    );
    await using hosts = await plainHosts(registry.host);
    const urls: string[] = [];
    const spy: typeof fetch = (input, init) => {
      urls.push(String(input));
      return fetch(input, init);
    };
    await using client = createRegistryClient({ configPath: hosts.path }, { fetch: fromStandardFetch(spy) });
    expect((await planPull(`${registry.host}/app:1`, { client })).imageId).toBe(image.config.descriptor.digest);
    expect(urls).toHaveLength(3);
    await expect(planPull(`${registry.host}/app:2`, { client })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("T1.02 refuses a host with TLS settings, which it could not keep", async () => {
    await using registry = await startScriptedRegistry(script);
    await using hosts = await writeHosts({
      [registry.host]: `server = "http://${registry.host}"\nskip_verify = true\n`,
    });
    await using client = createRegistryClient({ configPath: hosts.path }, { fetch: fromStandardFetch(fetch) });
    await expect(planPull(`${registry.host}/app:1`, { client })).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    expect(registry.seen).toEqual([]);
  });
});
