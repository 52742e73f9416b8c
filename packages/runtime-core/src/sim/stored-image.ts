import type { ScriptImage, ScriptLogin } from "./script.ts";

/** An image on the simulated node. */
export interface StoredImage {
  /** Its configuration's digest. */
  readonly id: string;
  readonly user: string;
  readonly stopSignal: string;
  readonly sizeBytes: number;
  readonly annotations: Readonly<Record<string, string>>;
  readonly pinned: boolean;
  /** `repository:tag`. */
  readonly tags: Set<string>;
  /** `repository@digest`. */
  readonly digests: Set<string>;
}

/** What a registry would hold for an image: digests are real SHA-256 sums of documents made from its content's name. */
export interface DescribedImage {
  readonly id: string;
  readonly manifestDigest: string;
  readonly user: string;
  readonly stopSignal: string;
  readonly sizeBytes: number;
  readonly annotations: Readonly<Record<string, string>>;
  readonly pinned: boolean;
  readonly login: ScriptLogin | undefined;
}

/** The same content, user, stop signal and annotations make the same digests, on every machine. */
export async function describeImage(image: ScriptImage, name: string): Promise<DescribedImage> {
  const { content = name, user = "", stopSignal = "SIGTERM", annotations, pinned = false, login } = image;
  const configuration = JSON.stringify({ content, config: { User: user, StopSignal: stopSignal } });
  const id = await sha256(configuration);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    config: { digest: id, size: configuration.length },
    annotations,
  });
  // 1 to 16 MiB
  const drawn = 2 ** 20 + (Number.parseInt(id.slice(7, 13), 16) % (15 * 2 ** 20));
  return {
    id,
    manifestDigest: image.digest ?? (await sha256(manifest)),
    user,
    stopSignal,
    sizeBytes: image.sizeBytes ?? drawn,
    annotations: annotations ?? {},
    pinned,
    login,
  };
}

async function sha256(text: string): Promise<string> {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return `sha256:${[...sum].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
