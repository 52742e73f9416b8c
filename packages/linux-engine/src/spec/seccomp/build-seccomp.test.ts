import { SecurityProfile_ProfileType } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { hostFacts, withContext } from "../../../test/spec/fixtures.ts";
import { buildSeccomp, localhostSeccompPath } from "./build-seccomp.ts";

const { Localhost, RuntimeDefault, Unconfined } = SecurityProfile_ProfileType;
type Context = Parameters<typeof withContext>[0];
const build = (context: Context, seccomp = true, localhostProfile?: string) =>
  buildSeccomp({
    context: withContext(context).linux?.securityContext,
    facts: hostFacts({ seccomp }),
    capabilities: [],
    localhostProfile,
  });

describe("buildSeccomp()", () => {
  it.each([
    { context: {}, kind: "none" },
    { context: { seccomp: { profileType: Unconfined } }, kind: "none" },
    { context: { seccompProfilePath: "unconfined" }, kind: "none" },
    { context: { seccomp: { profileType: RuntimeDefault }, privileged: true }, kind: "none" },
    { context: { seccomp: { profileType: RuntimeDefault } }, kind: "default" },
    { context: { seccompProfilePath: "runtime/default" }, kind: "default" },
    { context: { seccompProfilePath: "docker/default" }, kind: "default" },
    { context: { seccomp: { profileType: Unconfined }, seccompProfilePath: "runtime/default" }, kind: "none" },
  ])("gives $kind for $context", ({ context, kind }) => {
    expect(build(context) === undefined ? "none" : "default").toBe(kind);
  });

  it("takes a profile of the node from the text that the engine read", () => {
    const context = { seccomp: { profileType: Localhost, localhostRef: "/var/lib/kubelet/seccomp/a.json" } };
    expect(localhostSeccompPath(withContext(context))).toBe("/var/lib/kubelet/seccomp/a.json");
    expect(build(context, true, '{"defaultAction":"SCMP_ACT_LOG"}')).toMatchObject({ defaultAction: "SCMP_ACT_LOG" });
    expect(() => build(context)).toThrow("was not read");
    expect(localhostSeccompPath(withContext({ seccompProfilePath: "localhost//a/../b" }))).toBe("/b");
    expect(localhostSeccompPath(withContext({}))).toBeUndefined();
  });

  it("T3.08 refuses an empty, unknown or relative reference, and never runs unconfined instead", () => {
    expect(() => build({ seccomp: { profileType: Localhost } })).toThrow("needs a reference");
    expect(() => build({ seccompProfilePath: "localhost/" })).toThrow("needs a reference");
    expect(() => build({ seccompProfilePath: "strict" })).toThrow('"strict" is not a profile');
    expect(() => build({ seccomp: { profileType: 7 as never } })).toThrow("profile_type");
    const relative = withContext({ seccomp: { profileType: Localhost, localhostRef: "a.json" } });
    expect(() => localhostSeccompPath(relative)).toThrow("not an absolute path");
  });

  it("refuses a profile on a host that can't filter", () => {
    expect(() => build({ seccomp: { profileType: RuntimeDefault } }, false)).toThrow("can't filter system calls");
    expect(build({}, false)).toBeUndefined();
  });
});
