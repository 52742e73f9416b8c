import {
  type AuthConfig,
  AuthConfigSchema,
  type ImageSpec,
  ImageSpecSchema,
  type PullImageRequest,
  PullImageRequestSchema,
} from "@keelson/cri-api/v1";
import { honoured, ignored, type RuleTable, ruleTable } from "../spec/rules/rule.ts";

const credentials = "image-store/registry";

/** What becomes of the fields by which images are asked for. Nothing of them is refused. */
export const imageRules: readonly RuleTable[] = [
  ruleTable<PullImageRequest>(PullImageRequestSchema, {
    image: honoured("ImageSpec"),
    auth: honoured("AuthConfig"),
    sandboxConfig: ignored("a pull is the node's own work, the same for every pod"),
  }),
  ruleTable<ImageSpec>(ImageSpecSchema, {
    image: honoured("image-store/reference"),
    annotations: honoured("image-message.ts: an image has those of its manifest; in a request no hint is known"),
    userSpecifiedImage: honoured("the core: a status names the image by it"),
    runtimeHandler: ignored("handlers do not keep images apart"),
    imageRef: honoured("mount-images.ts: the image behind a mount"),
  }),
  ruleTable<AuthConfig>(AuthConfigSchema, {
    username: honoured(credentials),
    password: honoured(credentials),
    auth: honoured(credentials),
    serverAddress: honoured(credentials),
    identityToken: honoured(credentials),
    registryToken: honoured(credentials),
  }),
];
