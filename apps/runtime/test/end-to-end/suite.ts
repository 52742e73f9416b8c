// What every Keelson runtime does, whatever its engine: one list of cases over a socket. A runtime is opened with images
// of its own; programs are scripts, which each runtime takes in its own way.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CriVersion } from "@keelson/cri-api/versions";
import { type CriConnection, connectCri } from "@keelson/cri-client";
import { CleanupStack } from "@keelson/lifecycle";
import type { ContainerScript } from "@keelson/runtime-core/sim";
import { afterAll, beforeAll, describe } from "vitest";
import { containerCases } from "./container-cases.ts";
import { createDraw, type Draw } from "./draw.ts";
import { imageCases } from "./image-cases.ts";
import { negotiationCases } from "./negotiation-cases.ts";
import type { Program } from "./render-script.ts";
import { sandboxCases } from "./sandbox-cases.ts";
import { upkeepCases } from "./upkeep-cases.ts";

export interface OpenOptions {
  /** What the runtime serves. Default: all versions. */
  readonly versions?: readonly CriVersion[];
  /** The images that its registry has, as `name:tag`, each with a content of its own. */
  readonly images: readonly string[];
}

export interface OpenRuntime {
  readonly endpoint: string;
  /** The references to pull, one for each of the images. */
  readonly references: readonly string[];
  program(script: ContainerScript): Program;
  close(): Promise<void>;
}

export type Open = (options: OpenOptions) => Promise<OpenRuntime>;

/** What the cases share: one runtime, one connection, and what is drawn for this run. */
export interface Stage {
  readonly draw: Draw;
  readonly open: Open;
  cri(): CriConnection;
  runtime(): OpenRuntime;
  /** A pulled image that stays. */
  image(): string;
  /** A folder for the log folders of pods. */
  folder(): string;
}

/** Runs all cases on a runtime. `skip` is why not. */
export function endToEnd(name: string, open: Open, options: { readonly skip?: boolean } = {}): void {
  const draw = createDraw();
  describe.skipIf(options.skip ?? false)(`${name}, end to end (KEELSON_SEED=${draw.seed})`, { timeout: 30_000 }, () => {
    const cleanup = new CleanupStack();
    let opened: { readonly runtime: OpenRuntime; readonly cri: CriConnection; readonly folder: string } | undefined;
    const stage = (): NonNullable<typeof opened> => {
      if (opened === undefined) throw new Error("the runtime is not open");
      return opened;
    };
    const image = (): string => {
      const [first] = stage().runtime.references;
      if (first === undefined) throw new Error("the runtime has no image");
      return first;
    };

    beforeAll(async () => {
      const images = [`${draw.name()}:${draw.name()}`, `${draw.name()}/${draw.name()}:v${draw.integer(1, 99)}`];
      const folder = await mkdtemp(join(tmpdir(), "keelson-end-to-end-"));
      cleanup.defer("folder", () => rm(folder, { recursive: true, force: true }));
      const runtime = await open({ images });
      cleanup.defer("runtime", () => runtime.close());
      const cri = await connectCri({ runtimeEndpoint: runtime.endpoint });
      cleanup.defer("connection", () => cri.close());
      opened = { runtime, cri, folder };
      await cri.images.pullImage({ image: { image: image() } });
    }, 60_000);

    afterAll(() => cleanup.close(), 60_000);

    const shared: Stage = {
      draw,
      open,
      cri: () => stage().cri,
      runtime: () => stage().runtime,
      image,
      folder: () => stage().folder,
    };
    negotiationCases(shared);
    imageCases(shared);
    sandboxCases(shared);
    containerCases(shared);
    upkeepCases(shared);
  });
}
