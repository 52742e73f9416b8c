import { describe, expect, it } from "vitest";
import { buildAnnotations } from "./annotations.ts";

const build = (container: Record<string, string>, allowed: string[], pod: Record<string, string> = {}) =>
  buildAnnotations({ pod, container, allowed }).annotations;

describe("buildAnnotations()", () => {
  it("T6.04 lets nothing through that is not listed", () => {
    expect(build({ "a.io/x": "1" }, [])).toEqual({});
    expect(build({ "a.io/x": "1", "a.io/y": "2", b: "3" }, ["a.io/x", "c"])).toEqual({ "a.io/x": "1" });
    expect(build({ "a.io/x": "1", "a.io.evil/y": "2" }, ["a.io/*"])).toEqual({ "a.io/x": "1" });
  });

  it("lets the container's win over the pod's", () => {
    expect(build({ k: "container" }, ["k", "p"], { k: "pod", p: "pod" })).toEqual({ k: "container", p: "pod" });
  });

  it.each(["run.oci.hooks.stdout", "run.oci.handler", "krun.ram", "org.systemd.property.ExecStartPost"])(
    "T6.02 T6.04 never lets %s through",
    (key) => {
      expect(build({ [key]: "x" }, ["*", key])).toEqual({});
    },
  );

  it("T12.01 keeps a name like __proto__ as a name", () => {
    const annotations = build(JSON.parse('{"__proto__":"x","constructor":"y"}'), ["*"]);
    expect(Object.entries(annotations)).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});
