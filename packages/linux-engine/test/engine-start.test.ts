import { openLinuxEngine } from "@keelson/linux-engine";
import { expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";

it.skipIf(linuxGate.skip)("the engine says that it has to be root, before it touches anything", async () => {
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const options = {
    root: "/nowhere/root",
    state: "/nowhere/state",
    runtimes: {},
    defaultRuntime: "",
    cgroupDriver: "auto",
    registryConfigPath: "/nowhere/certs.d",
    cni: { confDir: "/nowhere/net.d", binDirs: ["/nowhere/bin"] },
    log,
  } as const;
  process.seteuid?.(65534);
  try {
    await expect(openLinuxEngine(options)).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      message: "start: want to be root",
    });
  } finally {
    process.seteuid?.(0);
  }
});
