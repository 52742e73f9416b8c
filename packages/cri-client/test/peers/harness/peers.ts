// The containerds that tests run against. `npm test` takes bookworm's; KEELSON_PEERS=all takes those of every generation.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import type { CriVersion } from "@keelson/cri-api/versions";
import { linuxGate } from "../../../../../scripts/linux-gate.ts";

export type Suite = "bullseye" | "bookworm" | "trixie" | "sid";

/** Debian's containerd of one suite. */
export interface Peer {
  readonly suite: Suite;
  /** As the program tells it: `1.6.20`. */
  readonly version: string;
  /** The program; its shims lie beside it. */
  readonly program: string;
}

/** What each generation serves, the preferred version first. */
export const served: Readonly<Record<Suite, readonly CriVersion[]>> = {
  bullseye: ["v1alpha2"],
  bookworm: ["v1", "v1alpha2"],
  trixie: ["v1", "v1alpha2"],
  sid: ["v1"],
};

export const suites: readonly Suite[] =
  process.env.KEELSON_PEERS === "all" ? ["bullseye", "bookworm", "trixie", "sid"] : ["bookworm"];

/** Those of `suites` that are here; of the others scripts/peers says why they are not. */
export const peers: ReadonlyMap<Suite, Peer> = linuxGate.skip ? new Map() : unpackPeers();

/** For `describe.each`: `1.6.20 (bookworm)`, and the suite. */
export const titledSuites: readonly (readonly [title: string, suite: Suite])[] = suites.map((suite) => [
  `${peers.get(suite)?.version ?? "not here"} (${suite})`,
  suite,
]);

/** @throws when it could not be unpacked */
export function peerOf(suite: Suite): Peer {
  const peer = peers.get(suite);
  if (peer === undefined) throw new Error(`no containerd of ${suite}: see what scripts/peers says`);
  return peer;
}

function unpackPeers(): ReadonlyMap<Suite, Peer> {
  const script = join(import.meta.dirname, "../../../../../scripts/peers");
  const { stdout, error } = spawnSync(script, suites, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (error !== undefined) throw error;
  const lines = stdout.split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      const [suite, version = "", program = ""] = line.split(" ") as [Suite, string?, string?];
      return [suite, { suite, version, program }];
    }),
  );
}
