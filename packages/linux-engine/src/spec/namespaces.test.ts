import { NamespaceMode } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { containerConfig, sandboxConfig } from "../../test/spec/fixtures.ts";
import { buildNamespaces, type PinnedNamespaces, sharesProcessIds } from "./namespaces.ts";

const { CONTAINER, NODE, POD, TARGET } = NamespaceMode;
const pins: PinnedNamespaces = { network: "/n", ipc: "/i", uts: "/u" };

function pid(container: NamespaceMode | undefined, sandbox: NamespaceMode | undefined, path?: string) {
  const options = (mode: NamespaceMode | undefined) => (mode === undefined ? {} : { namespaceOptions: { pid: mode } });
  const { namespaces, reported } = buildNamespaces({
    config: containerConfig({}, options(container)),
    sandbox: sandboxConfig({}, options(sandbox)),
    pins: path === undefined ? pins : { ...pins, pid: path },
  });
  return { pid: namespaces.find(({ type }) => type === "pid"), reported: reported.map((item) => item.field) };
}

it("sharesProcessIds() needs a sandbox that says so", () => {
  const says = (options: object) => sharesProcessIds(sandboxConfig({}, options));
  expect(says({ namespaceOptions: { pid: POD } })).toBe(true);
  for (const options of [{}, { namespaceOptions: { pid: CONTAINER } }, { namespaceOptions: { pid: NODE } }]) {
    expect(says(options)).toBe(false);
  }
});

describe("buildNamespaces()", () => {
  const own = { pid: { type: "pid" }, reported: [] };
  const joined = { pid: { type: "pid", path: "/p" }, reported: [] };
  const host = { pid: undefined, reported: [] };

  it.each([
    { name: "CONTAINER", got: () => pid(CONTAINER, CONTAINER), want: own },
    { name: "CONTAINER in a pod with a shared namespace", got: () => pid(CONTAINER, POD, "/p"), want: own },
    { name: "NODE", got: () => pid(NODE, NODE), want: host },
    { name: "POD in the host's", got: () => pid(POD, NODE), want: host },
    { name: "nothing in the host's", got: () => pid(undefined, NODE), want: host },
    { name: "POD with a shared namespace", got: () => pid(POD, POD, "/p"), want: joined },
    { name: "nothing with a shared namespace", got: () => pid(undefined, undefined, "/p"), want: joined },
    { name: "TARGET", got: () => pid(TARGET, CONTAINER, "/p"), want: joined },
    { name: "nothing in a sandbox that said CONTAINER", got: () => pid(undefined, CONTAINER), want: own },
  ])("keeps pid $name", ({ got, want }) => {
    expect(got()).toEqual(want);
  });

  it("gives process IDs of its own, and says so, where namespace_options were not sent at all", () => {
    const path = "linux.security_context.namespace_options.pid";
    expect(pid(undefined, undefined)).toEqual({ pid: { type: "pid" }, reported: [path] });
  });

  it("refuses POD without a shared namespace, and NODE in a pod that has its own", () => {
    expect(() => pid(POD, POD)).toThrow("value is POD");
    expect(() => pid(NODE, CONTAINER)).toThrow("value is NODE");
  });

  it("never falls back to the host's namespace when a pin is missing", () => {
    for (const missing of ["network", "ipc", "uts"] as const) {
      const { [missing]: _, ...rest } = pins;
      const input = { config: containerConfig(), sandbox: sandboxConfig(), pins: rest };
      expect(() => buildNamespaces(input)).toThrow(`the ${missing} namespace of the pod is not pinned`);
    }
    expect(() => pid(TARGET, CONTAINER)).toThrow("the pid namespace of the pod is not pinned");
  });
});
