import { create } from "@bufbuild/protobuf";
import { KeyValueSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { buildEnvironment, maxStringBytes } from "./environment.ts";

const entry = (key: string, value: string | Uint8Array = "") =>
  create(KeyValueSchema, { key, value: typeof value === "string" ? new TextEncoder().encode(value) : value });
const build = (image: string[], config: ReturnType<typeof entry>[] = [], terminal = false, home?: string) =>
  buildEnvironment({ image, config, hostname: "web-0", terminal, home });
const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

describe("buildEnvironment()", () => {
  it("orders PATH, TERM, HOSTNAME, the image's, the configuration's, HOME", () => {
    expect(build(["A=1"], [entry("B", "2")], true, "/root")).toEqual([
      path,
      "TERM=xterm",
      "HOSTNAME=web-0",
      "A=1",
      "B=2",
      "HOME=/root",
    ]);
  });

  it("replaces in place, and lets the last of a name win", () => {
    expect(
      build(["PATH=/bin", "A=1"], [entry("A", "2"), entry("A", "3=3"), entry("HOME", "/h")], false, "/root"),
    ).toEqual(["PATH=/bin", "HOSTNAME=web-0", "A=3=3", "HOME=/h"]);
  });

  it.each(["NOEQ", "*", "=x", ""])("T3.11 refuses %j in the image's Env", (bad) => {
    expect(() => build([bad])).toThrow("is not of the form NAME=VALUE");
  });

  it.each([
    { name: "an empty key", bad: entry("", "x"), text: "envs[0]: the key is empty" },
    { name: "a key with =", bad: entry("A=B"), text: 'holds "="' },
    { name: "NUL in a key", bad: entry("A\0"), text: "NUL" },
    { name: "NUL in a value", bad: entry("A", "x\0B=1"), text: "NUL" },
    { name: "bytes that are not UTF-8", bad: entry("A", Uint8Array.of(0xff)), text: "is not UTF-8" },
    { name: "more than a process can be given", bad: entry("A", "x".repeat(maxStringBytes - 1)), text: "131072 bytes" },
  ])("T3.11 refuses $name", ({ bad, text }) => {
    expect(() => build([], [bad])).toThrow(text);
  });

  it("takes names of JavaScript's own for names", () => {
    expect(build(["__proto__=1"], [entry("constructor", "2")])).toEqual([
      path,
      "HOSTNAME=web-0",
      "__proto__=1",
      "constructor=2",
    ]);
  });
});
