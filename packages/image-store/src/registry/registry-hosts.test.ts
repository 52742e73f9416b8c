import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveHosts } from "./registry-hosts.ts";

describe("resolveHosts()", () => {
  let root: string;
  const write = async (folder: string, text: string, name = "hosts.toml"): Promise<void> => {
    await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, folder, name), text);
  };
  const urls = async (domain: string, path = root): Promise<readonly string[]> =>
    (await resolveHosts(domain, path)).map(({ origin, apiPath }) => `${origin}${apiPath}`);

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "keelson-certs-"));
    await write(
      "docker.io",
      '[host."https://mirror.example"]\n[host."https://proxy.example/v2/hub"]\noverride_path = true\n[host."https://path.example/sub"]\n',
    );
    await write("r.example_5000_", 'server = "http://r.example:5000"\n');
    await write("r.example:5001", 'server = "http://r.example:5001"\n');
    await write("both.example_1_", 'server = "https://underscores.example"\n');
    await write("both.example:1", 'server = "https://colon.example"\n');
    await write("certs.example", "-----BEGIN CERTIFICATE-----\nca\n", "ca.crt");
    await write("certs.example", "-----BEGIN CERTIFICATE-----\ncl\n", "me.cert");
    await write("certs.example", "-----BEGIN PRIVATE KEY-----\nkey\n", "me.key");
    await write("broken.example", "x = 1\n");
    await write("folder.example/hosts.toml", "", "x");
    await writeFile(join(root, "file.example"), "");
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it("is the registry itself by HTTPS when nothing is configured, also on loopback", async () => {
    expect(await urls("docker.io", join(root, "none"))).toEqual(["https://registry-1.docker.io/v2"]);
    expect(await urls("127.0.0.1:5000")).toEqual(["https://127.0.0.1:5000/v2"]);
    expect(await urls("localhost")).toEqual(["https://localhost/v2"]);
    expect(await urls("[::1]:5000")).toEqual(["https://[::1]:5000/v2"]);
    expect((await resolveHosts("ghcr.io", undefined)).map(({ origin }) => origin)).toEqual(["https://ghcr.io"]);
    expect(await urls("file.example")).toEqual(["https://file.example/v2"]);
  });

  it("puts mirrors before the registry, with containerd's paths and the name they stand for", async () => {
    expect(await urls("docker.io")).toEqual([
      "https://mirror.example/v2",
      "https://proxy.example/v2/hub",
      "https://path.example/sub/v2",
      "https://registry-1.docker.io/v2",
    ]);
    const hosts = await resolveHosts("docker.io", root);
    expect(hosts.map(({ namespace, isRegistry }) => [namespace, isRegistry])).toEqual([
      ["docker.io", false],
      ["docker.io", false],
      ["docker.io", false],
      [undefined, true],
    ]);
  });

  it("finds the folder of a host with a port under both spellings", async () => {
    expect(await urls("r.example:5000")).toEqual(["http://r.example:5000/v2"]);
    expect(await urls("r.example:5001")).toEqual(["http://r.example:5001/v2"]);
    expect(await urls("both.example:1")).toEqual(["https://underscores.example/v2"]);
  });

  it("falls back to _default, which stands for any name", async () => {
    await write("_default", '[host."https://all.example"]\n');
    const hosts = await resolveHosts("other.example", root);
    expect(hosts.map(({ origin, namespace }) => [origin, namespace])).toEqual([
      ["https://all.example", "other.example"],
      ["https://other.example", undefined],
    ]);
    await rm(join(root, "_default"), { recursive: true });
  });

  it("reads Docker's certificate files where there is no hosts.toml", async () => {
    const [host] = await resolveHosts("certs.example", root);
    expect(host?.tls.ca).toEqual(["-----BEGIN CERTIFICATE-----\nca\n"]);
    expect(host?.tls.client[0]?.key).toContain("PRIVATE KEY");
  });

  it("says which file is wrong", async () => {
    await expect(urls("broken.example")).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      message: expect.stringContaining("broken.example/hosts.toml"),
    });
    await expect(urls("folder.example")).rejects.toMatchObject({ message: expect.stringContaining("EISDIR") });
  });
});
