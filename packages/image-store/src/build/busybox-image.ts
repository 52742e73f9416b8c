import { accessSync, readFileSync } from "node:fs";
import { notFound } from "@keelson/cri-api/errors";
import { type BuiltImage, buildImage } from "./build-image.ts";
import type { TarEntry } from "./tar-entry.ts";

export interface BusyboxImageOptions {
  /** A static busybox; default the first of /bin/busybox and /usr/bin/busybox that is there. */
  readonly busybox?: string;
  /** Layers on top of the one with busybox. */
  readonly layers?: readonly (readonly TarEntry[])[];
  /** Laid over the default image config (`Cmd: ["sh"]`, `Env: PATH`). */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly format?: "oci" | "docker";
  /** Those of the manifest. */
  readonly annotations?: Readonly<Record<string, string>>;
}

const applets =
  "[ ash awk base64 basename cat chgrp chmod chown chroot cmp cp cut date dd df dirname dmesg du echo env expr false find free grep gunzip gzip head hostname httpd id ifconfig ip kill killall ln ls lsof md5sum mkdir mkfifo mknod mktemp more mount mv nc netstat nice nohup nproc nslookup od pgrep ping pkill printenv printf ps pwd readlink realpath renice rm rmdir route sed seq sh sha256sum sleep sort stat stty su sync sysctl tac tail tar tee telnet test time timeout top touch tr traceroute true truncate tty umount uname uniq unlink uptime usleep vi watch wc wget which whoami xargs xxd yes".split(
    " ",
  );

const folders = "bin dev etc home proc root run sbin sys tmp usr usr/bin usr/sbin var var/log".split(" ");

/**
 * A small image with a shell, from this machine's static busybox: every usual applet is a symlink in `/bin`, users are
 * root, daemon and nobody.
 * @throws NOT_FOUND when there is no busybox
 */
export function busyboxImage(options: BusyboxImageOptions = {}): BuiltImage {
  return buildImage({
    layers: [busyboxLayer(options.busybox ?? findBusybox()), ...(options.layers ?? [])],
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Cmd: ["sh"],
      ...options.config,
    },
    ...(options.format !== undefined && { format: options.format }),
    ...(options.annotations !== undefined && { annotations: options.annotations }),
  });
}

function findBusybox(): string {
  const places = ["/bin/busybox", "/usr/bin/busybox"];
  const found = places.find((path) => {
    try {
      accessSync(path);
      return true;
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  throw notFound(`build an image: no busybox at ${places.join(" or ")}`, { hint: "install busybox-static" });
}

function busyboxLayer(path: string): readonly TarEntry[] {
  return [
    ...folders.map(
      (folder): TarEntry => ({
        path: `${folder}/`,
        type: "directory",
        mode: folder === "tmp" ? 0o1777 : folder === "root" ? 0o700 : 0o755,
      }),
    ),
    { path: "bin/busybox", mode: 0o755, content: readFileSync(path) },
    ...applets.map((name): TarEntry => ({ path: `bin/${name}`, type: "symlink", link: "busybox" })),
    {
      path: "etc/passwd",
      content:
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
    },
    { path: "etc/group", content: "root:x:0:\ndaemon:x:1:\nusers:x:100:\nnogroup:x:65534:\n" },
  ];
}
