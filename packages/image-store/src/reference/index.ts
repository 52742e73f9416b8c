export type { Digest } from "./digest.ts";
export { digestHex, digestOfHex, isDigest, parseDigest } from "./digest.ts";
export type { ImageReference } from "./reference.ts";
export {
  digestName,
  familiarName,
  formatReference,
  parseReference,
  repositoryName,
  storedName,
  withDefaultTag,
} from "./reference.ts";
