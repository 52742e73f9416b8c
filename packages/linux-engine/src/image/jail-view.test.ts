import { describe, expect, test } from "vitest";
import { jailView, type ViewEntry } from "./jail-view.ts";

/** A host's folders: each name with its folder, links as `name -> target`. */
const host: Readonly<Record<string, readonly string[]>> = {
  "/": ["bin -> usr/bin", "etc", "home", "proc", "run", "sys", "tmp", "usr", "var"],
  "/run": ["netns", "keelson", "systemd", "lock -> /var/lock"],
  "/run/systemd": ["resolve", "journal"],
  "/var": ["lib", "log", "run -> /run"],
  "/var/lib": ["keelson", "kubelet", "dpkg"],
  "/home": ["me"],
};

function list(folder: string): readonly ViewEntry[] {
  return (host[folder] ?? []).map((line) => {
    const [name = "", link] = line.split(" -> ");
    return { name, link };
  });
}

function view(mountPoints: readonly string[], needed: readonly string[]): string[] {
  const args = jailView({ mountPoints, needed, list });
  const lines: string[] = [];
  for (let at = 0; at < args.length; ) {
    const length = args[at] === "--dir" ? 2 : 3;
    lines.push(args.slice(at, at + length).join(" "));
    at += length;
  }
  return lines.sort();
}

describe("jailView()", () => {
  const system = ["/usr", "/etc", "/home/me/keelson"];

  test("shows a host without foreign mounts as it is, but no sockets of its services", () => {
    expect(view(["/"], system)).toEqual([
      "--dir /run",
      "--ro-bind /etc /etc",
      "--ro-bind /home /home",
      "--ro-bind /proc /proc",
      "--ro-bind /sys /sys",
      "--ro-bind /tmp /tmp",
      "--ro-bind /usr /usr",
      "--ro-bind /var /var",
      "--symlink usr/bin /bin",
    ]);
  });

  test("leaves out pods' mounts, and of the folders around them all that is not needed", () => {
    const mounts = [
      "/",
      "/proc",
      "/sys",
      "/run",
      "/run/netns/pod",
      "/run/keelson/rootfs/c1",
      "/var/lib/kubelet/pods/p/volumes/v",
    ];
    const needed = [...system, "/var/lib/keelson/snapshots", "/run/systemd/resolve/stub-resolv.conf"];
    expect(view(mounts, needed)).toEqual([
      "--dir /run",
      "--dir /run/systemd",
      "--dir /var",
      "--dir /var/lib",
      "--ro-bind /etc /etc",
      "--ro-bind /home /home",
      "--ro-bind /run/systemd/resolve /run/systemd/resolve",
      "--ro-bind /tmp /tmp",
      "--ro-bind /usr /usr",
      "--ro-bind /var/lib/keelson /var/lib/keelson",
      "--symlink usr/bin /bin",
    ]);
  });

  test("shows of /run what is needed, also when it is the store itself", () => {
    const runs = (needed: readonly string[]): string[] =>
      view(["/"], [...system, ...needed]).filter((line) => line.includes("/run"));
    expect(runs(["/run/keelson/images"])).toEqual(["--dir /run", "--ro-bind /run/keelson /run/keelson"]);
    expect(runs(["/run"])).toEqual(["--ro-bind /run /run"]);
  });

  test("keeps mounts that are needed, above and below", () => {
    const mounts = ["/", "/usr", "/usr/local", "/home", "/etc/resolv.conf"];
    expect(view(mounts, system).filter((line) => /usr|home|etc/.test(line))).toEqual([
      "--ro-bind /etc /etc",
      "--ro-bind /home /home",
      "--ro-bind /usr /usr",
      "--symlink usr/bin /bin",
    ]);
  });
});
