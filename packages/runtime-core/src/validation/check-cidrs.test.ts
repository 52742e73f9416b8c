import { describe, expect, it } from "vitest";
import { checkCidrs } from "./check-cidrs.ts";

describe("networks that a caller names", () => {
  it.each(["", "10.1.0.0/16", "0.0.0.0/0", "10.1.2.3/32,fd00:1::/64", "::/0", "fd00:1:2:3:4:5:6:7/128", "::1/128"])(
    "are taken: %j",
    (text) => {
      expect(() => checkCidrs(text, "pod_cidr")).not.toThrow();
    },
  );

  it.each([
    "x",
    "10.1.0.0",
    "10.1.0/16",
    "10.1.0.256/16",
    "10.1.0.0/33",
    "10.1.0.0/",
    "10.1.0.0/16,",
    "10.1.0.0/16 ",
    ":/8",
    "1::2::3/8",
    "fd00/8",
    "fd00::/129",
    "1:2:3:4:5:6:7:8:9/8",
    "12345::/8",
  ])("are refused: %j", (text) => {
    expect(() => checkCidrs(text, "pod_cidr")).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(() => checkCidrs(text, "pod_cidr")).toThrow(/^pod_cidr ".*" is no network/);
  });
});
