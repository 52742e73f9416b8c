import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { fromConnectError } from "./from-connect-error.ts";

const call = { endpoint: "unix:///run/x.sock", method: "ImageService/PullImage", maxMessageBytes: 1024 };
const sent = (code: Code, message: string): ConnectError =>
  new ConnectError(message, code, { "grpc-status": String(code) });

describe("fromConnectError()", () => {
  it.each([
    ["RegistryUnavailable: get manifest: 503", "RegistryUnavailable", "get manifest: 503"],
    ["SignatureValidationFailed:no signature", "SignatureValidationFailed", "no signature"],
    ["RROUnsupported", "RROUnsupported", "no details were given"],
    ["ImageVolumeMountFailed: ", "ImageVolumeMountFailed", "no details were given"],
    ["RegistryUnavailableToday: x", undefined, "RegistryUnavailableToday: x"],
    ["pull: RegistryUnavailable: x", undefined, "pull: RegistryUnavailable: x"],
  ])("reads the kubelet's word at the start of %j", (words, prefix, message) => {
    const error = fromConnectError(sent(Code.Unknown, words), call);
    expect([error.code, error.prefix, error.message]).toEqual(["UNKNOWN", prefix, message]);
  });

  it("reads such a word with no other code", () =>
    expect(fromConnectError(sent(Code.Internal, "RROUnsupported: x"), call)).toMatchObject({
      code: "INTERNAL",
      prefix: undefined,
    }));

  it("takes what can't be written for the caller's mistake, and what can't be read for the peer's", () => {
    const found = (message: string): unknown => fromConnectError(new ConnectError(message, Code.Internal), call);
    expect(found("serialize binary: cannot encode field x")).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "call ImageService/PullImage: cannot encode field x",
    });
    expect(found("parse binary: premature EOF")).toMatchObject({ code: "INTERNAL", reason: "NOT_GRPC" });
  });
});
