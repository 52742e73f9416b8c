import { ImageSpecSchema, PullImageRequestSchema } from "@keelson/cri-api/v1";
import { type FieldNotes, fieldNotes } from "../field-notes.ts";

/** What the simulated engine neither looks at nor shows, each with the reason. */
export const ignoredFields: readonly FieldNotes[] = [
  fieldNotes(PullImageRequestSchema, { sandboxConfig: "a pull is the node's own work, the same for every pod" }),
  fieldNotes(ImageSpecSchema, { runtimeHandler: "handlers do not keep images apart" }),
];
