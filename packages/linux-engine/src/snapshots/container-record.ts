import { CriError } from "@keelson/cri-api/errors";
import { type Digest, isDigest } from "@keelson/image-store/reference";

/** What stands beside a container's writable layer, in `snapshot.json`: what it is the uppermost of. */
export interface ContainerRecord {
  readonly imageId: Digest;
  /** Bottom first. */
  readonly chainIds: readonly Digest[];
}

export function formatContainerRecord(record: ContainerRecord): string {
  return `${JSON.stringify({ version: 1, ...record })}\n`;
}

/** @throws DATA_LOSS for what is no such record */
export function parseContainerRecord(text: string): ContainerRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw broken("it is not JSON", cause);
  }
  const { version, imageId, chainIds } = Object(value) as Record<string, unknown>;
  if (version !== 1) throw broken(`its version is ${JSON.stringify(version)}, want 1`);
  if (!isDigest(imageId)) throw broken("the image's ID is malformed");
  if (!Array.isArray(chainIds) || !chainIds.every(isDigest)) throw broken("a chain ID is malformed");
  return { imageId, chainIds };
}

function broken(why: string, cause?: unknown): CriError {
  return new CriError("DATA_LOSS", `read snapshot record: ${why}`, { cause });
}
