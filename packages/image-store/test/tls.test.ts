import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { describe, expect, it } from "vitest";
import { buildImage } from "../src/build/index.ts";
import { planPull } from "../src/index.ts";
import { createRegistryClient } from "../src/registry/index.ts";
import { selfSigned } from "./certificate.ts";
import { contentOf, plainHosts, serve, startScriptedRegistry, writeHosts } from "./scripted-registry.ts";

const image = buildImage({ layers: [[{ path: "f" }]] });
const script = serve(contentOf({ "1": image }));
const trusted = selfSigned("localhost", "127.0.0.1");
const untrusted = { code: "FAILED_PRECONDITION", message: expect.stringContaining("no trusted connection") };

describe("T1.02 TLS is never dropped", () => {
  it("T1.02 an untrusted certificate fails the pull, and no plain request is made anywhere", async () => {
    await using registry = await startScriptedRegistry(script, trusted);
    await using plain = await startScriptedRegistry(script);
    await using hosts = await writeHosts({ [registry.host]: `server = "https://${registry.host}"\n` });
    for (const configPath of [undefined, hosts.path]) {
      await using client = createRegistryClient(configPath === undefined ? {} : { configPath });
      await expect(planPull(`${registry.host}/app:1`, { client })).rejects.toMatchObject(untrusted);
    }
    expect(registry.seen).toEqual([]);
    expect(plain.bytesReceived()).toBe(0);
  });

  it("T1.02 plain HTTP is not spoken to a registry that is not configured so, also on loopback", async () => {
    await using plain = await startScriptedRegistry(script);
    await using client = createRegistryClient({ retry: { attempts: 1 } });
    await expect(planPull(`${plain.host}/app:1`, { client })).rejects.toMatchObject({
      hint: expect.stringContaining('"http://"'),
    });
    expect(plain.seen).toEqual([]);
  });

  it("T1.02 a redirect or a realm can't lead from HTTPS to plain HTTP", async () => {
    await using plain = await startScriptedRegistry(script);
    for (const answer of ["redirect", "realm"] as const) {
      await using registry = await startScriptedRegistry((request, response) => {
        if (answer === "redirect")
          return void response.writeHead(307, { location: `${plain.url}${request.url}` }).end();
        response.writeHead(401, { "www-authenticate": `Bearer realm="${plain.url}/token"` }).end();
      }, trusted);
      await using hosts = await writeHosts({
        [registry.host]: `server = "https://${registry.host}"\nskip_verify = true\n`,
      });
      await using client = createRegistryClient({ configPath: hosts.path });
      await expect(planPull(`${registry.host}/app:1`, { client })).rejects.toMatchObject({
        code: "FAILED_PRECONDITION",
        message: expect.stringContaining("plain HTTP"),
      });
    }
    expect(plain.bytesReceived()).toBe(0);
  });

  it("T1.02 skip_verify is for its host alone, not for where a redirect or a realm leads", async () => {
    await using other = await startScriptedRegistry(script, selfSigned("127.0.0.1"));
    for (const answer of ["redirect", "realm"] as const) {
      await using registry = await startScriptedRegistry((request, response) => {
        if (answer === "redirect")
          return void response.writeHead(307, { location: `${other.url}${request.url}` }).end();
        response.writeHead(401, { "www-authenticate": `Bearer realm="${other.url}/token"` }).end();
      }, trusted);
      await using hosts = await writeHosts({
        [registry.host]: `server = "https://${registry.host}"\nskip_verify = true\n`,
      });
      await using client = createRegistryClient({ configPath: hosts.path });
      await expect(planPull(`${registry.host}/app:1`, { client })).rejects.toMatchObject(untrusted);
    }
    expect(other.seen).toEqual([]);
  });

  it("skip_verify, ca and client certificates of hosts.toml count for their host", async () => {
    const own = selfSigned("client");
    await using registry = await startScriptedRegistry(script, {
      ...trusted,
      requestCert: true,
      rejectUnauthorized: true,
      ca: own.cert,
    });
    await using hosts = await writeHosts({
      [registry.host]: `server = "https://${registry.host}"\nca = "ca.pem"\nclient = [["client.pem", "client.key"]]\n`,
    });
    const folder = join(hosts.path, registry.host.replace(/:(\d+)$/, "_$1_"));
    await writeFile(join(folder, "ca.pem"), trusted.cert);
    await writeFile(join(folder, "client.pem"), own.cert);
    await writeFile(join(folder, "client.key"), own.key);
    await using client = createRegistryClient({ configPath: hosts.path });
    expect((await planPull(`${registry.host}/app:1`, { client })).imageId).toBe(image.config.descriptor.digest);
    await writeFile(
      join(folder, "hosts.toml"),
      `server = "https://${registry.host}"\nskip_verify = true\nclient = [["client.pem", "client.key"]]\n`,
    );
    expect((await planPull(`${registry.host}/app:1`, { client })).imageId).toBe(image.config.descriptor.digest);
    // read at each pull
    await writeFile(join(folder, "hosts.toml"), `server = "https://${registry.host}"\n`);
    await expect(planPull(`${registry.host}/app:1`, { client })).rejects.toMatchObject(untrusted);
    await writeFile(join(folder, "hosts.toml"), `server = "https://${registry.host}"\nca = "missing.pem"\n`);
    await expect(planPull(`${registry.host}/app:1`, { client })).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      message: expect.stringMatching(/missing\.pem.*no such file/),
    });
  });
});

describe("T1.03 what was proved to one identity serves no other", () => {
  it("T1.03 two names on one address: the second fails although the first succeeded", async () => {
    const good = selfSigned("localhost");
    await using registry = await startScriptedRegistry(script, {
      ...good,
      SNICallback: (_, done) => done(null, createSecureContext(good)),
    });
    const port = registry.host.split(":")[1];
    const toml = (host: string) => `server = "https://${host}:${port}"\nca = "../ca.pem"\n`;
    await using hosts = await writeHosts({
      [`localhost:${port}`]: toml("localhost"),
      [`127.0.0.1:${port}`]: toml("127.0.0.1"),
    });
    await writeFile(join(hosts.path, "ca.pem"), good.cert);
    await using client = createRegistryClient({ configPath: hosts.path });
    for (let round = 0; round < 2; round++) {
      expect((await planPull(`localhost:${port}/app:1`, { client })).imageId).toBe(image.config.descriptor.digest);
      await expect(planPull(`127.0.0.1:${port}/app:1`, { client })).rejects.toMatchObject(untrusted);
    }
  });

  it("T1.03 a reply that nobody asked for is not taken for the next request's", async () => {
    const reply = (status: string) => `HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nno`;
    const sockets: Socket[] = [];
    const server = createTcpServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => undefined);
      socket.on("data", () => socket.write(reply("404 Not Found")));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using hosts = await plainHosts(host);
    const client = createRegistryClient({ configPath: hosts.path });
    try {
      for (let i = 0; i < 3; i++) {
        await expect(planPull(`${host}/app:${i}`, { client })).rejects.toMatchObject({ code: "NOT_FOUND" });
        // the connection is idle now: a forged answer for whatever comes next ends it
        const closed = new Promise((resolve) => sockets[i]?.once("close", resolve));
        sockets[i]?.write(reply("403 Forbidden"));
        await closed;
      }
      expect(sockets).toHaveLength(3);
    } finally {
      await client.close();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
