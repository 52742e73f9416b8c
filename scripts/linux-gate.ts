// One gate for every test that needs Linux, root and the container tools: a pure function of facts.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

export interface LinuxFacts {
  readonly platform: string;
  readonly uid: number;
  /** Names of needed programs that are not there. */
  readonly missing: readonly string[];
}

/** Why no container can be started here; undefined when one can. */
export function whySimulated(facts: LinuxFacts): string | undefined {
  if (facts.platform !== "linux") return `not Linux but ${facts.platform}`;
  if (facts.uid !== 0) return "not root";
  if (facts.missing.length > 0) return `not installed: ${facts.missing.join(", ")}`;
  return undefined;
}

const programs = ["conmon", "bwrap", "busybox", "docker-registry"];

function readFacts(): LinuxFacts {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  const has = (name: string): boolean =>
    folders.some((folder) => {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
  const missing = programs.filter((name) => !has(name));
  if (!has("crun") && !has("runc")) missing.push("crun or runc");
  return { platform: process.platform, uid: process.getuid?.() ?? -1, missing };
}

const reason = whySimulated(readFacts());
if (reason !== undefined && process.env.KEELSON_REQUIRE === "linux") {
  throw new Error(`KEELSON_REQUIRE=linux, but no container can be started here: ${reason}`);
}

/** `describe.skipIf(linuxGate.skip)`; with KEELSON_REQUIRE=linux a missing Linux part fails instead. */
export const linuxGate: { readonly skip: boolean; readonly reason: string | undefined } = {
  skip: reason !== undefined,
  reason,
};
