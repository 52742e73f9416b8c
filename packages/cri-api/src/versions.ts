import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { ImageService as ImageServiceV1, RuntimeService as RuntimeServiceV1 } from "./gen/runtime/v1/api_pb.ts";
import {
  ImageService as ImageServiceV1alpha2,
  RuntimeService as RuntimeServiceV1alpha2,
} from "./gen/runtime/v1alpha2/api_pb.ts";

/** The versions of CRI that Keelson speaks, the preferred one first. */
export const criVersions = ["v1", "v1alpha2"] as const;
export type CriVersion = (typeof criVersions)[number];

/** The services of one version. Whatever the version, the methods take and return v1 messages. */
export interface CriServices {
  readonly runtime: typeof RuntimeServiceV1;
  readonly image: typeof ImageServiceV1;
}

/**
 * v1alpha2's messages are v1's on the wire (same numbers and types; `KeyValue.value` went from string to bytes, which
 * are written alike), so its services are v1's under the old name, cut down to the methods that the old version has.
 */
export const criServices: Readonly<Record<CriVersion, CriServices>> = {
  v1: { runtime: RuntimeServiceV1, image: ImageServiceV1 },
  v1alpha2: {
    runtime: underName(RuntimeServiceV1, RuntimeServiceV1alpha2),
    image: underName(ImageServiceV1, ImageServiceV1alpha2),
  },
};

function underName<Service extends DescService>(service: Service, old: DescService): Service {
  const methods: DescMethod[] = [];
  const clone = { ...service, typeName: old.typeName, methods, method: {} as Record<string, DescMethod> };
  for (const method of service.methods) {
    if (old.methods.every((one) => one.name !== method.name)) continue;
    // the URL of a call is made from its method's parent
    const moved = { ...method, parent: clone as unknown as DescService } as DescMethod;
    methods.push(moved);
    clone.method[method.localName] = moved;
  }
  return clone as unknown as Service;
}
