import { inspect } from "node:util";
import { isCriError, wireMessage } from "@keelson/cri-api/errors";
import { describe, expect, it } from "vitest";
import { buildImage } from "../src/build/index.ts";
import { mediaTypes, type PlanOptions, planPull } from "../src/index.ts";
import { createRegistryClient, fetchBlob, type RegistryClientOptions } from "../src/registry/index.ts";
import {
  contentOf,
  plainHosts,
  type Script,
  type ScriptedRegistry,
  sendError,
  serve,
  startScriptedRegistry,
  writeHosts,
} from "./scripted-registry.ts";

const image = buildImage({ layers: [[{ path: "f", content: "hello" }]] });
const content = contentOf({ "1": image });
const auth = { username: "marker-user", password: "marker-secret-7f3a" };
const basic = `Basic ${Buffer.from("marker-user:marker-secret-7f3a").toString("base64")}`;
const denied = { code: "PERMISSION_DENIED", message: expect.stringContaining("pull access denied") };

interface PullOptions extends Partial<PlanOptions> {
  readonly clientOptions?: RegistryClientOptions;
  readonly hostsToml?: string;
}

/** Plans a pull of `app:1` from a registry that is allowed plain HTTP under its own name. */
async function pull(registry: ScriptedRegistry, options: PullOptions = {}): Promise<unknown> {
  const { clientOptions, hostsToml, ...rest } = options;
  await using hosts =
    hostsToml === undefined ? await plainHosts(registry.host) : await writeHosts({ [registry.host]: hostsToml });
  await using client = createRegistryClient({ configPath: hosts.path, retry: { baseDelayMs: 1 }, ...clientOptions });
  const plan = await planPull(`${registry.host}/team/app:1`, { client, ...rest });
  for (const layer of plan.layers) {
    const chunks: Uint8Array[] = [];
    const sink = {
      size: 0,
      async *read() {},
      write: async (chunk: Uint8Array) => void chunks.push(chunk),
      reset: async () => void chunks.splice(0),
    };
    await fetchBlob(plan.session, layer, { sink, what: "pull", signal: new AbortController().signal });
  }
  return plan.imageId;
}

const challenge =
  (value: string): Script =>
  (_, response) => {
    response.setHeader("www-authenticate", value);
    sendError(response, 401, "UNAUTHORIZED", "authentication required");
  };

/** Serves the content to whoever has this Authorization, and challenges the others. */
const guarded =
  (authorization: string, value: string): Script =>
  (request, response) =>
    request.headers.authorization === authorization
      ? serve(content)(request, response)
      : challenge(value)(request, response);

const sensitive = ["authorization", "cookie", "proxy-authorization"];
const sawSecrets = (registry: ScriptedRegistry): boolean =>
  registry.seen.some(({ headers }) => sensitive.some((name) => headers[name] !== undefined)) ||
  registry.transcript().includes("marker-secret") ||
  registry.transcript().includes(basic.slice(6));

describe("credentials", () => {
  it("answer a Basic challenge of the registry, for manifests and blobs", async () => {
    await using registry = await startScriptedRegistry(guarded(basic, 'Basic realm="r"'));
    expect(await pull(registry, { auth })).toBe(image.config.descriptor.digest);
    await expect(pull(registry)).rejects.toMatchObject(denied);
  });

  it("buy a token at the registry's own realm, which is then used for all requests", async () => {
    let tokens = 0;
    const value = (host: string | undefined) =>
      `Bearer realm="http://${host}/token",service="reg",scope="repository:team/app:pull,push"`;
    await using registry = await startScriptedRegistry((request, response) => {
      const { authorization, host } = request.headers;
      if (request.url?.startsWith("/token")) {
        tokens++;
        const query = new URL(request.url, "http://x").searchParams;
        const isRight =
          authorization === basic &&
          query.get("service") === "reg" &&
          query.get("scope") === "repository:team/app:pull";
        return isRight ? void response.end('{"token":"tok-1"}') : sendError(response, 401, "DENIED", "no");
      }
      return guarded("Bearer tok-1", value(host))(request, response);
    });
    expect(await pull(registry, { auth })).toBe(image.config.descriptor.digest);
    expect(tokens).toBe(1);
    await expect(pull(registry, { auth: { ...auth, password: "wrong-secret" } })).rejects.toMatchObject(denied);
  });

  it("exchange an identity token by POST, and send a registry token as it is", async () => {
    let form = "";
    await using registry = await startScriptedRegistry(async (request, response) => {
      if (request.url === "/token") {
        for await (const chunk of request) form += String(chunk);
        return void response.end('{"access_token":"tok-2"}');
      }
      return guarded("Bearer tok-2", `Bearer realm="http://${request.headers.host}/token",service="s"`)(
        request,
        response,
      );
    });
    expect(await pull(registry, { auth: { identityToken: "refresh-me" } })).toBe(image.config.descriptor.digest);
    expect(Object.fromEntries(new URLSearchParams(form))).toMatchObject({
      grant_type: "refresh_token",
      refresh_token: "refresh-me",
      scope: "repository:team/app:pull",
    });
    expect(await pull(registry, { auth: { registryToken: "tok-2" } })).toBe(image.config.descriptor.digest);
    await expect(pull(registry, { auth: { registryToken: "tok-3" } })).rejects.toMatchObject(denied);
  });

  it("go nowhere when their server address is another registry", async () => {
    await using registry = await startScriptedRegistry(guarded(basic, "Basic"));
    expect(await pull(registry, { auth: { ...auth, serverAddress: `http://${registry.host}` } })).toBeDefined();
    await expect(
      pull(registry, { auth: { ...auth, serverAddress: "https://elsewhere.example" } }),
    ).rejects.toMatchObject(denied);
    expect(registry.seen.at(-1)?.headers.authorization).toBeUndefined();
  });
});

describe("T1.01 credentials stay with the registry", () => {
  it("T1.01 a realm on another port gets no request, and the pull says why", async () => {
    await using other = await startScriptedRegistry((_, response) => void response.end('{"token":"t"}'));
    await using registry = await startScriptedRegistry(challenge(`Bearer realm="${other.url}/token"`));
    await expect(pull(registry, { auth })).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      message: expect.stringContaining("plain HTTP"),
    });
    // allowed to be reached, it is still not allowed to have them
    const clientOptions = { plainOrigins: [other.url] };
    await expect(pull(registry, { auth, clientOptions })).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      message: expect.stringContaining("credentials are not sent to another domain"),
    });
    expect(other.bytesReceived()).toBe(0);
    await expect(pull(registry, { clientOptions })).rejects.toMatchObject(denied);
    expect(other.seen).not.toHaveLength(0);
    expect(sawSecrets(other)).toBe(false);
    expect(registry.transcript()).not.toContain("marker-secret");
  });

  it("T1.01 a realm that the operator names may have them", async () => {
    await using other = await startScriptedRegistry((request, response) =>
      request.headers.authorization === basic
        ? void response.end('{"token":"t"}')
        : sendError(response, 401, "NO", "no"),
    );
    await using registry = await startScriptedRegistry(guarded("Bearer t", `Bearer realm="${other.url}/token"`));
    const clientOptions = { plainOrigins: [other.url], tokenOrigins: [other.url] };
    expect(await pull(registry, { auth, clientOptions })).toBe(image.config.descriptor.digest);
  });

  it("T1.01 a redirect to another port carries no credentials, cookies or configured headers", async () => {
    await using other = await startScriptedRegistry(serve(content));
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.headers.authorization !== basic) return challenge("Basic")(request, response);
      response.writeHead(307, {
        location: `${other.url}${request.url}?signature=s1gned`,
        "set-cookie": "session=marker-secret",
      });
      response.end();
    });
    await expect(pull(registry, { auth })).rejects.toMatchObject({ message: expect.stringContaining("plain HTTP") });
    expect(other.bytesReceived()).toBe(0);
    const hostsToml = `server = "http://${registry.host}"\n[header]\nx-own = "marker-secret"\ncookie = "marker-secret"\n`;
    const clientOptions = { plainOrigins: [other.url] };
    expect(await pull(registry, { auth, clientOptions, hostsToml })).toBe(image.config.descriptor.digest);
    expect(other.seen.length).toBeGreaterThan(2);
    expect(sawSecrets(other)).toBe(false);
    for (const { headers } of other.seen) {
      expect(Object.keys(headers).sort()).toEqual(["accept", "accept-encoding", "connection", "host", "user-agent"]);
    }
    expect(registry.seen.at(-1)?.headers["x-own"]).toBe("marker-secret");
  });

  it("T1.01 a redirect that comes back to the registry's port from elsewhere is not given them either", async () => {
    let home = "";
    await using other = await startScriptedRegistry(
      (_, response) => void response.writeHead(302, { location: `${home}/v2/evil` }).end(),
    );
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.url === "/v2/evil") return sendError(response, 404, "NO", "no");
      if (request.headers.authorization !== basic) return challenge("Basic")(request, response);
      return void response.writeHead(302, { location: other.url }).end();
    });
    home = registry.url;
    const clientOptions = { plainOrigins: [other.url, registry.url] };
    await expect(pull(registry, { auth, clientOptions })).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      message: expect.stringContaining("redirects back"),
    });
    expect(sawSecrets(other)).toBe(false);
    expect(registry.seen.some(({ url }) => url === "/v2/evil")).toBe(false);
  });

  it("T1.01 a mirror gets none, unless the credentials name it", async () => {
    await using registry = await startScriptedRegistry(guarded(basic, "Basic"));
    await using mirror = await startScriptedRegistry(challenge("Basic"));
    const hostsToml = `server = "http://${registry.host}"\n[host."${mirror.url}"]\n`;
    expect(await pull(registry, { auth, hostsToml })).toBe(image.config.descriptor.digest);
    expect(mirror.seen.length).toBeGreaterThan(0);
    expect(mirror.seen[0]?.url).toContain(`?ns=${encodeURIComponent(registry.host)}`);
    expect(registry.seen[0]?.url).not.toContain("ns=");
    expect(sawSecrets(mirror)).toBe(false);
    await expect(pull(registry, { auth: { ...auth, serverAddress: mirror.url }, hostsToml })).rejects.toMatchObject(
      denied,
    );
    expect(mirror.seen.at(-1)?.headers.authorization).toBe(basic);
  });

  it("T1.01 more than five redirects, a redirect to a file and one with userinfo are refused", async () => {
    for (const location of [
      "/v2/again",
      "file:///etc/passwd",
      "//u:p@127.0.0.1/",
      "http://[::ffff:127.0.0.1%25x]/",
      "",
    ]) {
      await using registry = await startScriptedRegistry(
        (_, response) => void response.writeHead(302, { location }).end(),
      );
      await expect(pull(registry, { auth })).rejects.toSatisfy((error) => isCriError(error));
      expect(registry.seen.length).toBeLessThanOrEqual(7);
    }
  });
});

describe("T11.10 header input", () => {
  it("T11.10 CR and LF in tag, realm, scope and credentials reach no wire", async () => {
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.url?.startsWith("/token")) return void response.end(JSON.stringify({ token: "a\r\nx-injected: 1" }));
      const value = `Bearer realm="http://${request.headers.host}/token?\\r\\nx: 1",service="a%0d%0ab",scope="repository:a%0d%0ax-injected:pull"`;
      return challenge(value)(request, response);
    });
    await expect(pull(registry, { auth })).rejects.toMatchObject({
      message: expect.stringContaining("no usable token"),
    });
    await expect(pull(registry, { auth: { registryToken: "t\r\nx-injected: 1" } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await using client = createRegistryClient();
    for (const name of [
      `${registry.host}/a:t\r\nx-injected: 1`,
      `${registry.host}/a\r\nx-injected:1`,
      `127.0.0.1\r\n/a`,
    ]) {
      await expect(planPull(name, { client })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
    expect(registry.transcript()).not.toContain("x-injected: 1");
    expect(registry.seen.every(({ rawHeaders }) => !rawHeaders.join("").includes("x-injected"))).toBe(true);
  });
});

describe("T1.10 secrets", () => {
  it("T1.10 a secret in auth, headers, realm, redirect or the registry's words is in no error", async () => {
    const marker = "marker-secret-7f3a";
    const scripts: Script[] = [
      (request, response) =>
        sendError(
          response,
          500,
          "X",
          `you sent ${request.headers.authorization} and ${marker}, see https://u:${marker}@h/p?sig=${marker}`,
        ),
      (_, response) => sendError(response, 403, "X", `token ${marker} at http://h/?token=${marker}`),
      (_, response) =>
        void response.writeHead(302, { location: `https://u:${marker}@127.0.0.1:1/x?sig=${marker}` }).end(),
      (_, response) => void response.writeHead(302, { location: `https://127.0.0.1:1/x?sig=${marker}` }).end(),
      challenge(`Bearer realm="https://127.0.0.1:1/${marker}?x=${marker}"`),
      challenge(`Bearer realm="https://u:${marker}@h/"`),
      (_, response) =>
        void response.writeHead(200, { "content-type": `text/${marker}`, "content-encoding": marker }).end(),
      (_, response) => void response.socket?.destroy(),
      (_, response) => void response.writeHead(200, { "content-type": `text/${marker}` }).end('{"schemaVersion":2}'),
      (_, response) =>
        void response.writeHead(200, { "content-type": mediaTypes.ociManifest }).end(`{"mediaType":"${marker}"}`),
    ];
    for (const script of scripts) {
      await using registry = await startScriptedRegistry(script);
      const hostsToml = `server = "http://${registry.host}"\n[header]\nauthorization = "Basic ${marker}"\n`;
      for (const secrets of [auth, { registryToken: marker }, { identityToken: marker }]) {
        const error: unknown = await pull(registry, { auth: secrets, hostsToml }).catch((e: unknown) => e);
        expect(isCriError(error)).toBe(true);
        if (!isCriError(error)) throw error;
        expect(wireMessage(error)).not.toContain(marker);
        expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(marker);
        expect(JSON.stringify(error)).not.toContain(marker);
      }
    }
  });

  it("T1.10 a session does not print what it was given", async () => {
    await using client = createRegistryClient();
    const session = await client.open({ domain: "r.example", path: "a", tag: "1", digest: undefined }, { auth });
    expect(inspect(session, { depth: 20, showHidden: true })).not.toContain("marker-secret");
    expect(JSON.stringify(session)).not.toContain("marker-secret");
  });
});
