import { describe, expect, it } from "vitest";
import { formatNetworkList, isAtLeast, parseNetworkList, parseSinglePlugin } from "./network-list.ts";
import { requestConfig } from "./request-config.ts";

const list = (init: object): string =>
  JSON.stringify({ cniVersion: "1.0.0", name: "pods", plugins: [{ type: "bridge" }], ...init });

describe("parseNetworkList()", () => {
  it("reads plugins with all that belongs to them", () => {
    const text = list({
      disableCheck: "true",
      plugins: [{ type: "bridge", mtu: 1500, big: 1, capabilities: { ips: true, mac: false } }, { type: "portmap" }],
    }).replace('"big":1', '"big":12345678901234567890');
    const parsed = parseNetworkList(text);
    expect(parsed).toMatchObject({ name: "pods", cniVersion: "1.0.0", disableCheck: true });
    expect(parsed.plugins.map((one) => [one.type, [...one.capabilities]])).toEqual([
      ["bridge", ["ips"]],
      ["portmap", []],
    ]);
    expect(formatNetworkList(parseNetworkList(formatNetworkList(parsed)))).toBe(formatNetworkList(parsed));
    expect(formatNetworkList(parsed)).toContain("12345678901234567890");
  });

  it.each([["../../bin/x"], ["/bin/sh"], [".."], ["."], [""], ["a b"], ["sh\u0000"], ["x;touch marker"]])(
    "T9.01: refuses %j as a plugin, and as what a plugin delegates to",
    (type) => {
      const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });
      expect(() => parseNetworkList(list({ plugins: [{ type }] }))).toThrow(invalid);
      expect(() => parseSinglePlugin(JSON.stringify({ cniVersion: "1.0.0", name: "x", type }))).toThrow(invalid);
      if (type === "") return; // an empty ipam type is how a layer 2 network says that it has none
      for (const key of ["ipam", "delegate"]) {
        expect(() => parseNetworkList(list({ plugins: [{ type: "bridge", [key]: { type } }] }))).toThrow(invalid);
      }
    },
  );

  it.each([
    [{ name: undefined }, "name: is missing"],
    [{ name: "../x" }, 'name: "../x"'],
    [{ name: 7 }, "name: is a number"],
    [{ plugins: [] }, "the list is empty"],
    [{ plugins: {} }, "plugins: is a object"],
    [{ plugins: [7] }, "plugins[0]: is a number"],
    [{ plugins: [{}] }, "type: is missing"],
    [{ plugins: undefined, type: "bridge" }, "plugins: is missing"],
    [{ plugins: undefined, loadOnlyInlinedPlugins: true }, "plugins: is missing"],
    [{ cniVersion: "9.9.9" }, 'cniVersion: "9.9.9" is none that we speak'],
    [{ disableCheck: "maybe" }, "disableCheck: want true or false"],
  ])("refuses %j", (init, said) => {
    expect(() => parseNetworkList(list(init))).toThrow(said);
  });

  it("takes the highest version that both speak", () => {
    const version = (init: object): string => parseNetworkList(list({ cniVersion: undefined, ...init })).cniVersion;
    expect(version({ cniVersion: "0.3.1", cniVersions: ["0.4.0", "1.1.0", "2.0.0"] })).toBe("1.1.0");
    expect(version({ cniVersions: ["0.4.0", "0.3.1"] })).toBe("0.4.0");
    expect(version({})).toBe("0.1.0");
    expect(isAtLeast("1.0.0", "0.4.0")).toBe(true);
    expect(isAtLeast("0.3.1", "0.4.0")).toBe(false);
  });
});

describe("requestConfig()", () => {
  it("adds what the protocol adds, and takes away what a configuration must not set", () => {
    const parsed = parseNetworkList(
      list({
        plugins: [
          {
            type: "x",
            name: "other",
            keep: [1],
            capabilities: { a: true, b: true },
            runtimeConfig: { c: 1 },
            prevResult: {},
            "cni.dev/y": 1,
          },
        ],
      }),
    );
    const [plugin] = parsed.plugins;
    if (plugin === undefined) throw new Error("no plugin");
    const options = { capabilityArgs: { a: [1], c: 2 }, prevResultJson: '{"n":9007199254740993}' };
    expect(requestConfig(parsed, plugin, options)).toBe(
      '{"type":"x","name":"pods","keep":[1],"cniVersion":"1.0.0","runtimeConfig":{"a":[1]},"prevResult":{"n":9007199254740993}}',
    );
    expect(JSON.parse(requestConfig(parsed, plugin))).toEqual({
      type: "x",
      name: "pods",
      keep: [1],
      cniVersion: "1.0.0",
    });
  });
});
