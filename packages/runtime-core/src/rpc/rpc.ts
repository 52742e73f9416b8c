import type { DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { ImageService, RuntimeService } from "@keelson/cri-api/v1";
import type { Core } from "../core.ts";
import type { Call } from "./call.ts";

/** One RPC: validate, join, record, delegate, answer. */
export type Rpc<Method extends DescMethodUnary> = (
  core: Core,
) => (
  request: MessageShape<Method["input"]>,
  call: Call,
) => MessageInitShape<Method["output"]> | Promise<MessageInitShape<Method["output"]>>;

type UnaryOf<Methods> = {
  [Name in keyof Methods as Methods[Name] extends DescMethodUnary ? Name : never]: Extract<
    Methods[Name],
    DescMethodUnary
  >;
};

export type RuntimeMethods = UnaryOf<(typeof RuntimeService)["method"]>;
export type ImageMethods = UnaryOf<(typeof ImageService)["method"]>;

/** An RPC of the RuntimeService, by its name in TypeScript. */
export type RuntimeRpc<Name extends keyof RuntimeMethods> = Rpc<RuntimeMethods[Name]>;
/** An RPC of the ImageService, by its name in TypeScript. */
export type ImageRpc<Name extends keyof ImageMethods> = Rpc<ImageMethods[Name]>;
