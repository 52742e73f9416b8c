import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, loadConfig } from "./config.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "keelson-config-"));
  file = join(folder, "config.toml");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("loadConfig()", () => {
  it("gives every setting a default that works on a node", () => {
    writeFileSync(file, "");
    expect(loadConfig({ config: file })).toEqual({
      root: "/var/lib/keelson",
      state: "/run/keelson",
      default_runtime: "",
      runtimes: {},
      grpc: { listen: "unix:///run/keelson/keelsond.sock", versions: ["v1", "v1alpha2"] },
      registry: { config_path: "/etc/keelson/certs.d" },
      images: { pinned: [] },
      cni: { conf_dir: "/etc/cni/net.d", bin_dirs: ["/opt/cni/bin", "/usr/lib/cni"] },
      cgroup: { driver: "auto" },
      metrics: { listen: "", allow_remote: false },
      log: { level: "info" },
    });
  });

  it("lets config.d replace single keys, in the order of names, and the command line all", () => {
    writeFileSync(file, `root = "/a"\n[cni]\nconf_dir = "/one"\nbin_dirs = ["/bin"]\n`);
    mkdirSync(join(folder, "config.d"));
    writeFileSync(join(folder, "config.d", "20.toml"), `[cni]\nconf_dir = "/three"\n`);
    writeFileSync(join(folder, "config.d", "10.toml"), `[cni]\nconf_dir = "/two"\n`);
    const config = loadConfig({ config: file, root: "/b", listen: "unix:///x.sock" });
    expect(config.cni).toEqual({ conf_dir: "/three", bin_dirs: ["/bin"] });
    expect(config.root).toBe("/b");
    expect(config.grpc.listen).toBe("unix:///x.sock");
  });

  it("names every mistake by its key", () => {
    writeFileSync(file, `rot = "/a"\ndefault_runtime = "kata"\n[cni]\nconf_dir = "relative"\n__proto__ = 1\n`);
    const fail = (): unknown => loadConfig({ config: file });
    expect(fail).toThrow(ConfigError);
    expect(fail).toThrow(/cni\.conf_dir: want an absolute path/);
    expect(fail).toThrow(/unknown key rot/);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("T12.01: takes no name that every object has for one that is configured", () => {
    for (const name of ["constructor", "toString", "__proto__"]) {
      writeFileSync(file, `default_runtime = "${name}"\n`);
      expect(() => loadConfig({ config: file })).toThrow(/default_runtime: want one of the \[runtimes\] tables/);
    }
    writeFileSync(file, `[runtimes.constructor]\npath = "/bin/true"\n`);
    expect(loadConfig({ config: file }).runtimes).toEqual({ constructor: { path: "/bin/true" } });
    for (const [text, why] of [
      ['[runtimes."__proto__"]\npath = "/bin/true"', /runtimes\.__proto__: want the name of a runtime handler/],
      ['[__proto__]\nroot = "/x"', /unknown key __proto__/],
      ['root = "/a\\u0000b"', /root: want an absolute path/],
    ] as const) {
      writeFileSync(file, text);
      expect(() => loadConfig({ config: file })).toThrow(why);
    }
    expect(({} as Record<string, unknown>).root).toBeUndefined();
  });

  it("serves metrics to this machine alone, unless it is told otherwise", () => {
    const listen = (address: string, more = "") => {
      writeFileSync(file, `[metrics]\nlisten = "${address}"\n${more}`);
      return loadConfig({ config: file }).metrics.listen;
    };
    for (const good of ["127.0.0.1:9464", "[::1]:0", "localhost:9464"]) expect(listen(good)).toBe(good);
    for (const open of ["0.0.0.0:9464", "[::]:9464", "10.0.0.1:9464"]) {
      expect(() => listen(open)).toThrow(/metrics\.listen: .* can be reached by others/);
      expect(listen(open, "allow_remote = true")).toBe(open);
    }
    for (const bad of [
      "9464",
      ":9464",
      "host.example:1",
      "127.0.0.1",
      "127.0.0.1:99999",
      "[::1",
      "::1:80",
      "127.1:80",
    ]) {
      expect(() => listen(bad)).toThrow(/metrics\.listen: want an address and a port/);
    }
  });

  it("tells where TOML is broken", () => {
    writeFileSync(file, `root = \n`);
    expect(() => loadConfig({ config: file })).toThrow(new RegExp(`${file}:1:`));
  });

  it("refuses a file that was named and is not there", () => {
    expect(() => loadConfig({ config: join(folder, "no.toml") })).toThrow(/ENOENT/);
  });
});
