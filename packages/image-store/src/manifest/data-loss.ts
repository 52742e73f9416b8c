import { CriError } from "@keelson/cri-api/errors";

/** What to do about content that is damaged where it comes from. */
export const damagedHint =
  "the registry or a mirror serves damaged content: pull again, and push the image anew if it stays";

/** Content that is not what its digest says, wherever it was found. */
export function dataLoss(message: string, hint: string = damagedHint): CriError {
  return new CriError("DATA_LOSS", message, { hint });
}
