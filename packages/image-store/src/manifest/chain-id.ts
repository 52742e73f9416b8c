import { createHash } from "node:crypto";
import { type Digest, digestOfHex } from "../reference/index.ts";

/**
 * The identity of each layer together with all below it, bottom first (OCI image-spec, "Layer ChainID"): the first is
 * the layer's own diff ID, each further one the digest of "CHAIN_ID DIFF_ID".
 */
export function chainIds(diffIds: readonly Digest[]): readonly Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : digestOfText(`${parent} ${diffId}`));
  }
  return chain;
}

function digestOfText(text: string): Digest {
  return digestOfHex(createHash("sha256").update(text).digest("hex"));
}
