import { CriError, quote } from "@keelson/cri-api/errors";
import type { AuthConfig } from "@keelson/cri-api/v1";
import type { ScriptLogin } from "./script.ts";

/**
 * What the simulated registry says to credentials. Those that are meant for another registry do not reach it.
 * @param name the image, for the message
 * @throws PERMISSION_DENIED when the image wants others, or any
 */
export function checkLogin(login: ScriptLogin | undefined, auth: AuthConfig | undefined, name: string): void {
  if (login === undefined || (auth !== undefined && isFor(auth.serverAddress, name) && fits(login, auth))) return;
  throw new CriError("PERMISSION_DENIED", `pull ${quote(name)}: pull access denied, or the image is not there`, {
    hint: "give the credentials that the script lists under login",
  });
}

function isFor(server: string, name: string): boolean {
  const host = server.replace(/^[a-z]+:\/\//, "").split("/", 1)[0];
  return server === "" || name.startsWith(`${host}/`);
}

/** What is sent: the registry token, else the identity token, else user and password. */
function fits(login: ScriptLogin, auth: AuthConfig): boolean {
  if (auth.registryToken !== "") return auth.registryToken === login.registryToken;
  if (auth.identityToken !== "") return auth.identityToken === login.identityToken;
  if (login.username === undefined) return false;
  const pair = auth.username !== "" ? `${auth.username}:${auth.password}` : decoded(auth.auth);
  return pair === `${login.username}:${login.password ?? ""}`;
}

function decoded(text: string): string {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0 ? atob(text) : "";
}
