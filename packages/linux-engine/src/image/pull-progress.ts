import { quote } from "@keelson/cri-api/errors";
import type { Counter, Meter } from "@keelson/runtime-core/ports";
import type { PlannedMessage } from "./fetcher-protocol.ts";

/** After so long without a byte the operator is told so. */
const silenceMs = 3_000;

/** How far a pull has got, layer by layer: for the operator, and counted. */
export class PullProgress {
  readonly #reference: string;
  readonly #layers: { readonly size: number; came: number; isInPlace: boolean }[];
  readonly #bytes: Counter;
  #lastMs = performance.now();

  constructor(planned: Pick<PlannedMessage, "reference" | "layers">, meter: Meter) {
    this.#reference = planned.reference;
    this.#layers = planned.layers.map(({ size }) => ({ size, came: 0, isInPlace: false }));
    this.#bytes = meter
      .counter({ name: "keelson_image_pull_bytes_total", help: "Compressed bytes of layers that pulls have read." })
      .of();
  }

  /** So many bytes of a layer have come. A layer that begins again is not counted twice. */
  came(index: number, bytes: number): void {
    const layer = this.#layers[index];
    if (layer === undefined || bytes <= layer.came) return;
    this.#bytes.add(bytes - layer.came);
    layer.came = bytes;
    this.#lastMs = performance.now();
  }

  inPlace(index: number): void {
    const layer = this.#layers[index];
    if (layer !== undefined) layer.isInPlace = true;
  }

  /** For instance `of "busybox" (1 of 3 in place, 1.0 of 5.0 MB)`. */
  get text(): string {
    const done = this.#layers.filter(({ isInPlace }) => isInPlace);
    const all = this.#layers.reduce((sum, { size }) => sum + size, 0);
    const came = this.#layers.reduce((sum, one) => sum + (one.isInPlace ? one.size : one.came), 0);
    const silentMs = performance.now() - this.#lastMs;
    const silence = came < all && silentMs >= silenceMs ? `, nothing came for ${Math.round(silentMs / 1000)} s` : "";
    const progress = `${done.length} of ${this.#layers.length} in place, ${megabytes(came)} of ${megabytes(all)} MB`;
    return `of ${quote(this.#reference)} (${progress}${silence})`;
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
