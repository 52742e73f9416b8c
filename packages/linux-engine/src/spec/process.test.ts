import { describe, expect, it } from "vitest";
import { buildArgs, buildCwd } from "./process.ts";

const image = { entrypoint: ["/entry"], cmd: ["cmd"], workingDir: "/srv/" };

describe("buildArgs()", () => {
  it.each([
    { command: [], args: [], want: ["/entry", "cmd"] },
    { command: [], args: ["a"], want: ["/entry", "a"] },
    { command: ["c"], args: [], want: ["c"] },
    { command: ["c"], args: ["a"], want: ["c", "a"] },
  ])("makes $want of command $command and args $args", ({ command, args, want }) => {
    expect(buildArgs({ command, args }, image)).toEqual(want);
  });

  it("takes an entrypoint of one empty string for none", () => {
    expect(buildArgs({ command: [], args: [] }, { entrypoint: [""], cmd: ["cmd"] })).toEqual(["cmd"]);
  });

  it("refuses when nothing is left to run", () => {
    expect(() => buildArgs({ command: [], args: [] }, {})).toThrow("no command specified");
  });

  it("refuses NUL and what is longer than the kernel takes", () => {
    expect(() => buildArgs({ command: ["a\0b"], args: [] }, {})).toThrow("argument 0");
    expect(() => buildArgs({ command: ["a"], args: ["x".repeat(10 * 2 ** 20)] }, {})).toThrow("10485760 bytes");
  });
});

describe("buildCwd()", () => {
  it.each([
    { own: "", of: {}, want: "/" },
    { own: "", of: image, want: "/srv" },
    { own: "", of: { workingDir: "app" }, want: "/app" },
    { own: "/a/./b/../c", of: image, want: "/a/c" },
    { own: "/process", of: {}, want: "/process" },
  ])("makes $want of $own", ({ own, of, want }) => {
    expect(buildCwd({ workingDir: own }, of)).toBe(want);
  });

  it.each([3, 7, 20])("T3.01 refuses /proc/self/fd/%i", (fd) => {
    const path = `/proc/self/fd/${fd}`;
    expect(() => buildCwd({ workingDir: path }, {})).toThrow("leads to descriptors");
    expect(() => buildCwd({ workingDir: "" }, { workingDir: path })).toThrow("leads to descriptors");
    expect(() => buildCwd({ workingDir: "" }, { workingDir: `proc/../${path}` })).toThrow("leads to descriptors");
    expect(() => buildCwd({ workingDir: `/dev/fd/${fd}` }, {})).toThrow("leads to descriptors");
  });

  it("refuses a relative path of the request", () => {
    expect(() => buildCwd({ workingDir: "app" }, {})).toThrow("working_dir");
  });
});
