import type { TarEntry } from "@keelson/image-store/build";
import { elf, socketPrograms } from "../../../../packages/linux-engine/test/spec/socket-programs.ts";

/** What lies on top of busybox: users, files to be hidden, and small programs (for x86-64). */
export function imageEntries(): readonly TarEntry[] {
  return [
    { path: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\nweb:x:1000:1001::/home/web:/bin/sh\n" },
    { path: "etc/group", content: "root:x:0:\nweb:x:1001:\nwheel:x:10:web\nvideo:x:44:web,root\n" },
    { path: "secret/file", content: "readable" },
    { path: "secret/folder/inner", content: "readable" },
    { path: "open/file", content: "old" },
    ...socketPrograms().map(({ name, program }): TarEntry => ({ path: `bin/${name}`, mode: 0o755, content: program })),
    { path: "bin/euid", mode: 0o4755, content: effectiveUser() },
  ];
}

/** Exits with the effective user's number, of which a status has the lowest eight bits. */
function effectiveUser(): Uint8Array {
  return elf([
    ...[0xb8, 107, 0, 0, 0], // mov eax, SYS_geteuid
    ...[0x0f, 0x05], // syscall
    ...[0x89, 0xc7], // mov edi, eax
    ...[0xb8, 60, 0, 0, 0], // mov eax, SYS_exit
    ...[0x0f, 0x05], // syscall
  ]);
}
