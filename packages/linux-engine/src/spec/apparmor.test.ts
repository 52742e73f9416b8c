import { SecurityProfile_ProfileType } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { withContext } from "../../test/spec/fixtures.ts";
import { buildAppArmorProfile } from "./apparmor.ts";

const { Localhost, RuntimeDefault, Unconfined } = SecurityProfile_ProfileType;
type Context = Parameters<typeof withContext>[0];
const apparmor = { loaded: new Set(["mine"]), runtimeDefault: "keelson-default" };
const build = (context: Context, facts: Parameters<typeof buildAppArmorProfile>[1]) =>
  buildAppArmorProfile(withContext(context).linux?.securityContext, facts);

describe("buildAppArmorProfile()", () => {
  it.each([
    { context: {}, want: undefined },
    { context: { apparmor: { profileType: Unconfined } }, want: undefined },
    { context: { apparmor: { profileType: RuntimeDefault } }, want: "keelson-default" },
    { context: { apparmor: { profileType: Localhost, localhostRef: "mine" } }, want: "mine" },
    { context: { apparmorProfile: "localhost/mine" }, want: "mine" },
    { context: { apparmorProfile: "runtime/default" }, want: "keelson-default" },
    { context: { apparmorProfile: "localhost/mine", privileged: true }, want: undefined },
  ])("makes $want of $context", ({ context, want }) => {
    expect(build(context, { apparmor })).toBe(want);
  });

  it("takes RuntimeDefault for nothing without AppArmor, and refuses Localhost", () => {
    expect(build({ apparmor: { profileType: RuntimeDefault } }, { apparmor: undefined })).toBeUndefined();
    expect(() => build({ apparmorProfile: "localhost/mine" }, { apparmor: undefined })).toThrow("has no AppArmor");
  });

  it("T3.08 refuses a profile that is empty, unknown or not loaded", () => {
    expect(() => build({ apparmor: { profileType: Localhost } }, { apparmor })).toThrow("needs a reference");
    expect(() => build({ apparmorProfile: "localhost/" }, { apparmor })).toThrow("needs a reference");
    expect(() => build({ apparmorProfile: "other" }, { apparmor })).toThrow("is not a profile");
    expect(() => build({ apparmorProfile: "localhost/x" }, { apparmor })).toThrow("is not loaded");
    const none = { loaded: new Set<string>() };
    expect(() => build({ apparmor: { profileType: RuntimeDefault } }, { apparmor: none })).toThrow("no profile for it");
  });
});
