import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findPlugin } from "./find-plugin.ts";
import { loadNetworks } from "./load-networks.ts";

describe("loadNetworks()", () => {
  let folder = "";
  let confDir = "";
  let binDirs: readonly string[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-confs-"));
    confDir = join(folder, "net.d");
    binDirs = [join(folder, "none"), join(folder, "bin")];
    for (const one of [confDir, join(folder, "bin")]) mkdirSync(one);
    for (const type of ["bridge", "portmap"]) plugin(`bin/${type}`);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const plugin = (path: string): void => {
    writeFileSync(join(folder, path), "#!/bin/sh\nexit 0\n");
    chmodSync(join(folder, path), 0o755);
  };
  const write = (name: string, content: object | string): void =>
    writeFileSync(join(confDir, name), typeof content === "string" ? content : JSON.stringify(content));
  const list = (name: string, ...types: string[]) => ({
    cniVersion: "1.0.0",
    name,
    plugins: types.map((type) => ({ type })),
  });
  const load = () => loadNetworks({ confDir, binDirs });

  it("takes the first file by name, of all three kinds, and looks anew each time", () => {
    write("30-c.conflist", list("c", "bridge", "portmap"));
    expect(load().network?.list.plugins.map((one) => one.type)).toEqual(["bridge", "portmap"]);
    write("20-b.conf", { cniVersion: "1.0.0", name: "b", type: "bridge" });
    expect(load().network?.list).toMatchObject({ name: "b" });
    write("10-a.json", { cniVersion: "1.0.0", name: "a", type: "bridge" });
    write("00-ignored.txt", "{");
    expect(load()).toMatchObject({ network: { file: join(confDir, "10-a.json") }, broken: [] });
  });

  it("passes over a broken file, and tells", () => {
    write("10-half.conflist", '{"cniVersion":"1.0.0","na');
    write("20-b.conf", { cniVersion: "1.0.0", name: "b", type: "bridge" });
    const { network, broken } = load();
    expect(network?.list.name).toBe("b");
    expect(broken).toEqual([{ file: join(confDir, "10-half.conflist"), why: expect.stringContaining("parse JSON") }]);
  });

  it("says which folder is empty or missing, and which file is broken", () => {
    expect(load().missing).toContain(`"${confDir}" has no *.conflist`);
    expect(loadNetworks({ confDir: `${folder}/gone`, binDirs }).missing).toContain(`${folder}/gone`);
    write("10-a.conflist", list("a", "calico"));
    expect(load().missing).toContain(`"${join(confDir, "10-a.conflist")}" is broken: find CNI plugin "calico": not in`);
    write("10-a.conflist", { name: "a", type: "bridge" });
    expect(load().missing).toContain("plugins: is missing (a configuration of one plugin is named *.conf");
    rmSync(join(confDir, "10-a.conflist"));
    write("10-a.conf", list("a", "bridge"));
    expect(load().missing).toContain("rename a file with a list of plugins to *.conflist");
  });

  it("T9.01: runs nothing outside the plugin folders, however a type is spelt", () => {
    plugin("evil");
    for (const type of ["../evil", "../bin/bridge", join(folder, "evil"), "..", "."]) {
      write("10-x.conflist", list("x", type));
      expect(load().network).toBeUndefined();
      expect(() => findPlugin(type, binDirs)).toThrow("is not the name of a plugin");
    }
    expect(findPlugin("bridge", binDirs)).toBe(join(folder, "bin/bridge"));
  });

  it("T12.04: refuses what is no small regular file, without waiting for it", () => {
    execFileSync("mkfifo", [join(confDir, "10-fifo.conf")]);
    mkdirSync(join(confDir, "20-folder.conf"));
    write("30-large.conf", " ".repeat(1024 * 1024 + 1));
    symlinkSync(join(folder, "linked"), join(confDir, "40-link.conf"));
    symlinkSync("/nowhere", join(confDir, "35-dangling.conf"));
    writeFileSync(join(folder, "linked"), JSON.stringify({ cniVersion: "1.0.0", name: "l", type: "bridge" }));
    const { network, broken } = load();
    expect(network?.list.name).toBe("l"); // mounted ConfigMaps are links
    expect(broken.map((one) => one.why)).toEqual([
      "is not a regular file",
      "is not a regular file",
      expect.stringContaining("1048577 bytes"),
      expect.stringContaining("ENOENT"),
    ]);
  });

  it("appends the plugins of a folder named after the network, unless the list says otherwise (1.1.0)", () => {
    mkdirSync(join(confDir, "a"));
    writeFileSync(join(confDir, "a/10.conf"), JSON.stringify({ type: "portmap" }));
    write("10-a.conflist", list("a", "bridge"));
    expect(load().network?.list.plugins.map((one) => one.type)).toEqual(["bridge", "portmap"]);
    write("10-a.conflist", { ...list("a", "bridge"), loadOnlyInlinedPlugins: true });
    expect(load().network?.list.plugins.map((one) => one.type)).toEqual(["bridge"]);
  });
});
