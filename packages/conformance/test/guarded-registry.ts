// A registry in front of another one, which lets nobody pull without credentials: repositories below `with-user/` want a
// user and a password, those below `with-token/` a token of its own token server.
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { OwnImages } from "../src/target.ts";

export interface GuardedRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  close(): Promise<void>;
}

export const login = {
  username: "reader",
  password: "of images",
  identityToken: "identity-of-a-reader",
  registryToken: "access-of-a-reader",
} as const satisfies Partial<OwnImages["withUser"] & OwnImages["withToken"]>;

const basic = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
const bearer = `Bearer ${login.registryToken}`;

/** @param upstream `http://127.0.0.1:PORT`, where everything is */
export async function startGuardedRegistry(upstream: string): Promise<GuardedRegistry> {
  const server = createServer((asked, answer) => {
    void handle(asked, answer, upstream).catch(() => answer.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function handle(asked: IncomingMessage, answer: ServerResponse, upstream: string): Promise<void> {
  const { url = "", headers } = asked;
  if (url.startsWith("/token")) return await handOutToken(asked, answer);
  const wantsToken = url.startsWith("/v2/with-token/");
  if (headers.authorization !== (wantsToken ? bearer : basic)) {
    const scheme = wantsToken
      ? `Bearer realm="http://${headers.host}/token",service="guarded"`
      : 'Basic realm="guarded"';
    answer.writeHead(401, { "www-authenticate": scheme, "content-type": "application/json" });
    answer.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
    return;
  }
  const { authorization: _own, ...rest } = headers;
  const passed = request(`${upstream}${url}`, { method: asked.method ?? "GET", headers: rest });
  passed.end();
  const [got] = (await once(passed, "response")) as [IncomingMessage];
  answer.writeHead(got.statusCode ?? 502, got.headers);
  got.pipe(answer);
}

/** For the identity token (OAuth2: a refresh token) there is the access token; for anything else there is none. */
async function handOutToken(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  let form = "";
  for await (const chunk of asked) form += String(chunk);
  const isRight = new URLSearchParams(form).get("refresh_token") === login.identityToken;
  answer.writeHead(isRight ? 200 : 401, { "content-type": "application/json" });
  answer.end(isRight ? JSON.stringify({ access_token: login.registryToken, expires_in: 300 }) : "{}");
}
