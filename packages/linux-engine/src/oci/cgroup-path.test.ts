import { expect, it } from "vitest";
import { cgroupPath } from "./cgroup-path.ts";

it("cgroupPath() is the path itself with cgroupfs, the scope in its slice with systemd", () => {
  expect(cgroupPath("/keelson-1/pod/c")).toBe("/keelson-1/pod/c");
  expect(cgroupPath("kubepods-burstable-podabc.slice:keelson:c")).toBe(
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podabc.slice/keelson-c.scope",
  );
});
