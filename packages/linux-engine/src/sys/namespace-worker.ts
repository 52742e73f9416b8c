// The one thread that leaves the host's namespaces. Everything below is synchronous: an asynchronous call would run in
// libuv's pool, whose threads are the host's, and a pool that is first used from here would stay in a pod for ever.
import { closeSync, existsSync, openSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { parentPort } from "node:worker_threads";
import { invalidArgument, quote } from "@keelson/cri-api/errors";
import { mountSync, unmountSync } from "./mount.ts";
import { beginConnect, bringLoopbackUp, namespaceFlag, setHostname, setns, unshare } from "./namespace-calls.ts";
import {
  type InterfaceAddress,
  type NamespaceCalls,
  type NamespaceKind,
  type NamespacePins,
  type NamespaceReply,
  type NamespaceRequest,
  type NamespaceSettings,
  toWireError,
} from "./namespace-protocol.ts";
import { checkSysctlValue, sysctlPlace } from "./sysctl.ts";

const kinds: readonly NamespaceKind[] = ["net", "ipc", "uts"];
const own = (kind: NamespaceKind): string => `/proc/thread-self/ns/${kind}`;
const host = new Map(kinds.map((kind) => [kind, openSync(own(kind), "r")]));

class CannotReturn extends Error {}

/** Runs `work` in other namespaces, and comes back. */
function away<T>(flags: number, leave: () => void, work: () => T): T {
  try {
    leave();
    return work();
  } finally {
    try {
      for (const [kind, fd] of host) if ((flags & namespaceFlag[kind]) !== 0) setns(fd, namespaceFlag[kind]);
    } catch (cause) {
      // biome-ignore lint/correctness/noUnsafeFinally: whatever happened before, this thread is lost
      throw new CannotReturn("return to the host's namespaces", { cause });
    }
  }
}

function inPins<T>(pins: NamespacePins, work: () => T): T {
  const opened = new Map<NamespaceKind, number>();
  try {
    for (const [kind, path] of listPins(pins)) opened.set(kind, openSync(path, "r"));
    const enter = (): void => {
      for (const [kind, fd] of opened) setns(fd, namespaceFlag[kind]);
    };
    return away(flagsOf(pins), enter, work);
  } finally {
    for (const fd of opened.values()) closeSync(fd);
  }
}

function listPins(pins: NamespacePins): [NamespaceKind, string][] {
  return kinds.flatMap((kind) => (pins[kind] === undefined ? [] : [[kind, pins[kind]]]));
}

function flagsOf(pins: NamespacePins): number {
  return listPins(pins).reduce((flags, [kind]) => flags | namespaceFlag[kind], 0);
}

function pinOwn(pins: NamespacePins): void {
  const undo: (() => void)[] = [];
  try {
    for (const [kind, path] of listPins(pins)) {
      closeSync(openSync(path, "wx", 0o444));
      undo.unshift(() => unlinkSync(path));
      mountSync({ source: own(kind), target: path, flags: ["bind"] });
      undo.unshift(() => unmountSync(path, { detach: true }));
    }
  } catch (error) {
    for (const step of undo) step();
    throw error;
  }
}

interface SysctlWrite {
  readonly key: string;
  readonly path: string;
  readonly value: string;
}

/** The writes that settings ask for; refused as a whole before anything is done. */
function planSysctls(pins: NamespacePins, settings: NamespaceSettings): readonly SysctlWrite[] {
  const wanted: [string, string][] = [];
  if (pins.net !== undefined && existsSync("/proc/sys/net/ipv6")) {
    for (const scope of ["all", "default"]) {
      // A neighbour's router advertisement must not give a pod a route (CVE-2020-10749).
      wanted.push([`net/ipv6/conf/${scope}/accept_ra`, "0"]);
      if (settings.ipv6 === false) wanted.push([`net/ipv6/conf/${scope}/disable_ipv6`, "1"]);
    }
  }
  wanted.push(...Object.entries(settings.sysctls ?? {}));
  return wanted.map(([key, value]) => {
    checkSysctlValue(key, value);
    return { key, path: sysctlFile(pins, key), value };
  });
}

function sysctlFile(pins: NamespacePins, key: string): string {
  const place = sysctlPlace(key);
  if (pins[place.namespace] !== undefined) return `/proc/sys/${place.path}`;
  throw invalidArgument(`use sysctl ${quote(key)}: the ${place.namespace} namespace is the host's`);
}

function setUp(settings: NamespaceSettings, sysctls: readonly SysctlWrite[]): void {
  if (settings.hostname !== undefined) setHostname(settings.hostname);
  if (settings.loopback === true) bringLoopbackUp();
  for (const { key, path, value } of sysctls) {
    try {
      writeFileSync(path, value);
    } catch (error) {
      throw invalidArgument(`set sysctl ${quote(key)} to ${quote(value)}: ${String(error)}`, {
        hint: "see whether this kernel has it and takes that value",
      });
    }
  }
}

function checkSettings(pins: NamespacePins, settings: NamespaceSettings): void {
  if (settings.hostname !== undefined && pins.uts === undefined) {
    throw invalidArgument(`set hostname ${quote(settings.hostname)}: the uts namespace is the host's`);
  }
  if ((settings.loopback === true || settings.ipv6 !== undefined) && pins.net === undefined) {
    throw invalidArgument("set up interfaces: the net namespace is the host's");
  }
}

const calls: NamespaceCalls = {
  create: ({ pins, settings }) => {
    checkSettings(pins, settings);
    const sysctls = planSysctls(pins, settings);
    const flags = flagsOf(pins);
    return away(
      flags,
      () => unshare(flags),
      () => {
        setUp(settings, sysctls);
        pinOwn(pins);
        return undefined;
      },
    );
  },
  configure: ({ pins, settings }) => {
    checkSettings(pins, settings);
    const sysctls = planSysctls(pins, settings);
    return inPins(pins, () => {
      setUp(settings, sysctls);
      return undefined;
    });
  },
  connect: ({ net, address, port }) => inPins({ net }, () => beginConnect(address, port)),
  read: ({ pins, file }) => {
    if ("sysctl" in file) {
      const path = sysctlFile(pins, file.sysctl);
      return inPins(pins, () => readFileSync(path, "utf8"));
    }
    if (!/^[a-z0-9_]+$/.test(file.procNet))
      throw invalidArgument(`read /proc/net/${quote(file.procNet)}: not a file there`);
    return inPins(pins, () => readFileSync(`/proc/thread-self/net/${file.procNet}`, "utf8"));
  },
  addresses: ({ net }) =>
    inPins({ net }, () =>
      Object.entries(networkInterfaces()).flatMap(([name, list = []]) =>
        list.map(
          (entry): InterfaceAddress => ({
            interface: name,
            address: entry.address,
            prefixLength: Number(entry.cidr?.split("/")[1] ?? Number.NaN),
            family: entry.family,
            mac: entry.mac,
          }),
        ),
      ),
    ),
};

function answer(message: NamespaceRequest): NamespaceReply {
  try {
    const call = calls[message.call] as (
      request: NamespaceRequest["request"],
    ) => ReturnType<NamespaceCalls[typeof message.call]>;
    return { id: message.id, result: call(message.request) };
  } catch (error) {
    // Not caught, it ends the thread, which must not serve anybody from where it is; its caller starts another.
    if (error instanceof CannotReturn) throw error;
    return { id: message.id, error: toWireError(error) };
  }
}

parentPort?.on("message", (message: NamespaceRequest) => parentPort?.postMessage(answer(message)));
