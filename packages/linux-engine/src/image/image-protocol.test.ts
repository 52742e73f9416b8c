import { CriError, registryUnavailable } from "@keelson/cri-api/errors";
import { describe, expect, test } from "vitest";
import { keyOfWirePath, parseApplied } from "./applier-protocol.ts";
import { parsePlanned } from "./fetcher-protocol.ts";
import { imageUser } from "./image-message.ts";
import { fromWireError, toWireError } from "./wire-error.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("An error on its way between processes", () => {
  test("keeps its category, text, hint and prefix", () => {
    for (const error of [
      new CriError("DATA_LOSS", "read layer: cut", { hint: "pull again" }),
      registryUnavailable("no route"),
    ]) {
      const { code, message, hint, prefix } = error;
      expect(fromWireError(JSON.parse(JSON.stringify(toWireError(error))))).toMatchObject({
        code,
        message,
        hint,
        prefix,
      });
    }
    expect(fromWireError(toWireError(new TypeError("broken"))).code).toBe("INTERNAL");
  });

  test("T12.01: is INTERNAL when it is none, however it is called", () => {
    for (const code of ["__proto__", "constructor", "toString", 7, undefined]) {
      expect(fromWireError({ code, message: "x", prefix: "evil" })).toMatchObject({
        code: "INTERNAL",
        prefix: undefined,
      });
    }
    for (const value of [null, undefined, 1, "x", []]) expect(fromWireError(value).code).toBe("INTERNAL");
    expect(toWireError(new CriError("ABORTED", "x".repeat(100_000))).message.length).toBeLessThan(5000);
  });
});

describe("parseApplied()", () => {
  const applied = {
    opaque: [Buffer.from("a/b").toString("base64")],
    inodes: 1,
    sizeBytes: 2,
    droppedXattrs: [["x", 1]],
  };
  test("takes what an applier answers", () => {
    expect(parseApplied(applied)).toEqual(applied);
    expect(keyOfWirePath(applied.opaque[0] ?? "")).toBe("a/b");
    expect(keyOfWirePath(Buffer.from(".").toString("base64"))).toBe("");
  });

  test.each([
    null,
    [],
    { ...applied, opaque: "x" },
    { ...applied, opaque: [1] },
    { ...applied, opaque: ["x".repeat(10_000)] },
    { ...applied, inodes: -1 },
    { ...applied, sizeBytes: 1.5 },
    { ...applied, droppedXattrs: [["x"]] },
  ])("refuses %j", (value) => {
    expect(() => parseApplied(value)).toThrow();
  });
});

describe("parsePlanned()", () => {
  const descriptor = { mediaType: "m", digest, size: 3 };
  const planned = {
    reference: "docker.io/library/x:1",
    resolved: digest,
    manifest: descriptor,
    imageId: digest,
    layers: [{ ...descriptor, diffId: digest }],
    sizeBytes: 6,
  };
  test("takes what a fetcher answers", () => {
    expect(parsePlanned(planned)).toEqual(planned);
  });

  test.each([
    null,
    { ...planned, imageId: "sha256:../../x" },
    { ...planned, resolved: 1 },
    { ...planned, layers: [{ ...descriptor, diffId: "x" }] },
    { ...planned, layers: {} },
    { ...planned, manifest: { ...descriptor, size: -1 } },
    { ...planned, sizeBytes: "6" },
  ])("T1.05: refuses %j", (value) => {
    expect(() => parsePlanned(value)).toThrow();
  });
});

describe("imageUser()", () => {
  test.each([
    ["", {}],
    ["0", { uid: { value: 0n } }],
    ["65534:7", { uid: { value: 65534n } }],
    ["2147483647", { uid: { value: 2147483647n } }],
    ["2147483648", { username: "2147483648" }],
    ["99999999999999999999", { username: "99999999999999999999" }],
    ["nobody:nogroup", { username: "nobody" }],
    ["1e3", { username: "1e3" }],
    [":5", {}],
  ])("T5.01: %j", (text, user) => {
    expect(imageUser(text)).toEqual(user);
  });
});
