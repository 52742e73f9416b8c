import { create } from "@bufbuild/protobuf";
import { AuthConfigSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { checkLogin } from "./registry-login.ts";

const name = "r.example:5000/team/app:1";
const login = { username: "reader", password: "of images", identityToken: "identity", registryToken: "access" };
const ask = (auth: Record<string, string> | undefined, wanted = login): string => {
  try {
    checkLogin(wanted, auth === undefined ? undefined : create(AuthConfigSchema, auth), name);
    return "granted";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("checkLogin()", () => {
  it("takes each kind of credentials", () => {
    for (const auth of [
      { username: "reader", password: "of images" },
      { auth: btoa("reader:of images") },
      { identityToken: "identity" },
      { registryToken: "access" },
      { registryToken: "access", serverAddress: "https://r.example:5000/v2/" },
      { registryToken: "access", serverAddress: "r.example:5000" },
    ]) {
      expect(ask(auth), JSON.stringify(auth)).toBe("granted");
    }
    expect(() => checkLogin(undefined, undefined, name)).not.toThrow();
  });

  it("refuses others, none, and those that are for another registry", () => {
    for (const auth of [
      undefined,
      {},
      { username: "reader", password: "" },
      { auth: "no base64" },
      { identityToken: "access" },
      { registryToken: "identity", username: "reader", password: "of images" },
      { registryToken: "access", serverAddress: "https://r.example" },
    ]) {
      expect(ask(auth), JSON.stringify(auth)).toBe("PERMISSION_DENIED");
    }
  });
});
