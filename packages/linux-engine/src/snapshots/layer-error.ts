import { isUtf8 } from "node:buffer";
import { CriError, quote } from "@keelson/cri-api/errors";

/** The archive is not what its writer wrote: cut short, or its bytes contradict each other. */
export function damagedLayer(what: string, cause?: unknown): CriError {
  return new CriError("DATA_LOSS", `read layer: ${what}`, {
    cause,
    hint: "the layer is damaged as it was published: build and push the image again",
  });
}

/** The archive is whole, but asks for something that no layer may have. */
export function refusedLayer(what: string): CriError {
  return new CriError("INVALID_ARGUMENT", `apply layer: ${what}`, {
    hint: "the image breaks the rules of OCI layers: do not trust it, or have its publisher build it again",
  });
}

/** The archive asks for more than a cap allows. */
export function oversizedLayer(what: string): CriError {
  return new CriError("RESOURCE_EXHAUSTED", `read layer: ${what}`, {
    hint: "no ordinary image is like this: build it with smaller layers",
  });
}

/** A name of a layer for people: quoted, text where it is UTF-8, `\xNN` for its bytes where it is not. */
export function quoteName(name: Uint8Array): string {
  const bytes = Buffer.from(name.buffer, name.byteOffset, name.byteLength);
  if (isUtf8(bytes)) return quote(bytes.toString("utf8"));
  const text = [...bytes.subarray(0, 200)].map((byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
  );
  return `"${text.join("")}${bytes.length > 200 ? "…" : ""}"`;
}
