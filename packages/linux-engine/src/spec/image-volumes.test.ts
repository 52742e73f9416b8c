import { create } from "@bufbuild/protobuf";
import { MountSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { imageVolumes } from "./image-volumes.ts";

const mount = (containerPath: string) => create(MountSchema, { containerPath, hostPath: "/srv" });

describe("imageVolumes()", () => {
  it("takes paths inside the image, in their shortest form, each once", () => {
    const volumes = ["/data", "/data/", "//data/.", "logs", "/../../CANARY", "/a/../b"];
    expect(imageVolumes(volumes, [])).toEqual({ targets: ["/data", "/logs", "/CANARY", "/b"], reported: [] });
  });

  it("leaves those to a mount of the request on the same path, and not to one above or below", () => {
    const mounts = [mount("/data/"), mount("/logs/today"), mount("/srv")];
    expect(imageVolumes(["/data", "/logs", "/srv/www"], mounts).targets).toEqual(["/logs", "/srv/www"]);
  });

  it("leaves out and reports what the runtime mounts on, and what is no path", () => {
    const volumes = ["/", "/..", "/proc", "/proc/sys", "/dev/shm", "/sys/fs/cgroup", "/a\0b", `/${"x".repeat(5000)}`];
    const { targets, reported } = imageVolumes([...volumes, "/ok"], []);
    expect(targets).toEqual(["/ok"]);
    expect(reported.map(({ value }) => value)).toEqual(volumes);
    for (const { field, why } of reported) expect([field, why]).toEqual(["image.volumes", expect.stringMatching(/\w/)]);
  });

  it("refuses an image with more than can be made", () => {
    const volumes = Array.from({ length: 101 }, (_, index) => `/${index}`);
    expect(() => imageVolumes(volumes, [])).toThrow("at most 100");
  });
});
