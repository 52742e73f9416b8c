import { isIP } from "node:net";
import { invalidArgument, quote } from "@keelson/cri-api/errors";
import { must, native } from "./libc.ts";
import { isErrno } from "./syscall-error.ts";

// Everything here acts on the calling thread and returns on it: only the namespace worker may call it.

const unshareCall = native("int unshare(int flags)");
const setnsCall = native("int setns(int fd, int type)");
const sethostname = native("int sethostname(const char *name, size_t length)");
const socketCall = native("int socket(int family, int type, int protocol)");
// Not closeSync: a worker warns of descriptors that did not come from node:fs.
const closeCall = native("int close(int fd)");
const connectCall = native("int connect(int fd, void *address, unsigned int length)");
const ioctl = native("int ioctl(int fd, unsigned long request, _Inout_ void *argument)");
const inetPton = native("int inet_pton(int family, const char *text, _Out_ void *bytes)");

/** The flags that make a namespace of a kind, and name it to setns(2). */
export const namespaceFlag = { net: 0x40000000, ipc: 0x08000000, uts: 0x04000000 } as const;

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;

/** Puts the calling thread into new namespaces. */
export function unshare(flags: number): void {
  must(unshareCall(flags), "unshare");
}

/** Puts the calling thread into the namespace that a descriptor is open on. */
export function setns(fd: number, flag: number): void {
  must(setnsCall(fd, flag), "setns");
}

/** Sets the host name of the calling thread's UTS namespace. */
export function setHostname(name: string): void {
  must(sethostname(name, Buffer.byteLength(name)), "sethostname", name);
}

/** Brings the loopback interface of the calling thread's network namespace up (netdevice(7)). */
export function bringLoopbackUp(): void {
  const fd = must(socketCall(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  try {
    const request = Buffer.alloc(40); // struct ifreq: the name, then the flags
    request.write("lo", 0, "latin1");
    must(ioctl(fd, SIOCGIFFLAGS, request), "ioctl SIOCGIFFLAGS", "lo");
    request.writeUInt16LE(request.readUInt16LE(16) | IFF_UP, 16);
    must(ioctl(fd, SIOCSIFFLAGS, request), "ioctl SIOCSIFFLAGS", "lo");
  } finally {
    closeCall(fd);
  }
}

/**
 * Opens a TCP socket in the calling thread's network namespace, where it stays, and begins to connect without waiting.
 * The caller owns the descriptor.
 */
export function beginConnect(address: string, port: number): number {
  const version = isIP(address);
  if (version === 0 || !Number.isInteger(port) || port < 1 || port > 65535) {
    throw invalidArgument(`connect to ${quote(`${address}:${port}`)}: not an IP address and a port`);
  }
  const family = version === 4 ? AF_INET : AF_INET6;
  const sockaddr = Buffer.alloc(version === 4 ? 16 : 28);
  const bytes = Buffer.alloc(version === 4 ? 4 : 16);
  must(inetPton(family, address, bytes), "inet_pton", address);
  sockaddr.writeUInt16LE(family, 0);
  sockaddr.writeUInt16BE(port, 2);
  bytes.copy(sockaddr, version === 4 ? 4 : 8);
  const fd = must(socketCall(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  try {
    must(connectCall(fd, sockaddr, sockaddr.length), "connect", `${address} port ${port}`);
  } catch (error) {
    if (isErrno(error, "EINPROGRESS")) return fd;
    closeCall(fd);
    throw error;
  }
  return fd;
}
