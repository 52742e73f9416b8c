import {
  CreateContainerRequestSchema,
  UpdateContainerResourcesRequestSchema,
  VersionRequestSchema,
} from "@keelson/cri-api/v1";
import { type FieldNotes, fieldNotes } from "../field-notes.ts";

/** What calls carry and the core neither looks at nor hands to an engine, each with the reason. */
export const ignoredFields: readonly FieldNotes[] = [
  fieldNotes(VersionRequestSchema, { version: "the version that is served is the one by whose path the call came" }),
  fieldNotes(CreateContainerRequestSchema, { sandboxConfig: "what RunPodSandbox got is kept, and counts" }),
  fieldNotes(UpdateContainerResourcesRequestSchema, { annotations: "no annotation is known that changes a limit" }),
];
