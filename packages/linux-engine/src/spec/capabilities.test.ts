import { create } from "@bufbuild/protobuf";
import { CapabilitySchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { allCapabilities, hostFacts } from "../../test/spec/fixtures.ts";
import { buildCapabilities, defaultCapabilities } from "./capabilities.ts";

const build = (
  lists: { add?: string[]; drop?: string[]; ambient?: string[] },
  capabilities: readonly string[] = allCapabilities,
  privileged = false,
) =>
  buildCapabilities({
    capability: create(CapabilitySchema, {
      addCapabilities: lists.add ?? [],
      dropCapabilities: lists.drop ?? [],
      addAmbientCapabilities: lists.ambient ?? [],
    }),
    privileged,
    facts: hostFacts({ capabilities: new Set(capabilities) }),
  });

describe("buildCapabilities()", () => {
  it("T5.04 leaves inheritable and ambient empty when nothing is asked", () => {
    const { sets } = build({});
    expect(sets.bounding).toEqual(defaultCapabilities);
    expect(defaultCapabilities).toHaveLength(14);
    expect(sets).toMatchObject({ effective: sets.bounding, permitted: sets.bounding, inheritable: [], ambient: [] });
  });

  it("adds and drops with and without CAP_, in any case", () => {
    const { sets } = build({ add: ["NET_ADMIN", "cap_sys_time"], drop: ["CAP_CHOWN", "kill"] });
    expect(sets.bounding).toEqual(expect.arrayContaining(["CAP_NET_ADMIN", "CAP_SYS_TIME"]));
    expect(sets.bounding).not.toEqual(expect.arrayContaining(["CAP_CHOWN"]));
    expect(sets.bounding).not.toEqual(expect.arrayContaining(["CAP_KILL"]));
  });

  it.each([
    {
      name: "drops ALL, then adds one",
      lists: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
      held: ["CAP_NET_BIND_SERVICE"],
    },
    { name: "drops ALL over adding ALL", lists: { add: ["ALL"], drop: ["all"] }, held: [] },
    {
      name: "adds ALL, then drops one",
      lists: { add: ["all"], drop: ["CHOWN"] },
      held: allCapabilities.filter((name) => name !== "CAP_CHOWN"),
    },
  ])("$name", ({ lists, held }) => {
    expect(build(lists).sets.bounding).toEqual(held);
  });

  it("T5.04 gives ambient capabilities only when asked, and then the kernel's condition for them", () => {
    const { sets } = build({ ambient: ["NET_RAW"], drop: ["ALL"] });
    expect(sets).toEqual({
      bounding: ["CAP_NET_RAW"],
      effective: ["CAP_NET_RAW"],
      permitted: ["CAP_NET_RAW"],
      inheritable: ["CAP_NET_RAW"],
      ambient: ["CAP_NET_RAW"],
    });
    expect(build({ ambient: ["NET_RAW"], drop: ["NET_RAW"] }).sets.ambient).toEqual([]);
  });

  it("T5.04 refuses an unknown one by name", () => {
    expect(() => build({ add: ["NET_ADMINN"] })).toThrow(
      'read linux.security_context.capabilities.add_capabilities: "NET_ADMINN" is not a capability',
    );
    expect(() => build({ drop: ["__proto__"] })).toThrow("drop_capabilities");
    expect(() => build({ ambient: ["ALL"] })).toThrow("add_ambient_capabilities");
  });

  it("takes ALL and privileged for what the host has, and refuses what it lacks", () => {
    const host = ["CAP_CHOWN", "CAP_SYS_ADMIN"];
    expect(build({ add: ["ALL"] }, host).sets.bounding).toEqual(host);
    expect(build({ drop: ["ALL"] }, host, true).sets.bounding).toEqual(host);
    expect(() => build({ add: ["SYS_RESOURCE"] }, host)).toThrow(
      "add capabilities: this host can't give CAP_SYS_RESOURCE",
    );
  });

  it("reports a default capability that the host lacks", () => {
    const { sets, reported } = build({}, ["CAP_CHOWN"]);
    expect(sets.bounding).toEqual(["CAP_CHOWN"]);
    expect(reported.map((item) => item.value)).toContain("CAP_KILL");
  });
});
