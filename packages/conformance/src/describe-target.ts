import { connectCri } from "@keelson/cri-client";
import type { Capability } from "./case.ts";
import { defaultImages, type Target, type TargetImages } from "./target.ts";

export interface DescribeTargetOptions {
  readonly endpoint: string;
  /** Images that the runtime has under other names. Default: those of Kubernetes' own suites. */
  readonly images?: Partial<TargetImages>;
  readonly cgroupParent?: string;
}

/**
 * What can be asked of a runtime that is there: whether its containers are real, and what its network for pods
 * can do.
 * @throws what the connection fails with
 */
export async function describeTarget(options: DescribeTargetOptions): Promise<Target> {
  const { endpoint, images, cgroupParent } = options;
  const cri = await connectCri({ runtimeEndpoint: endpoint });
  const { status, info } = await cri.runtime.status({ verbose: true }).finally(() => cri.close());
  const has: Capability[] = [];
  const told = Object.values(info).join("\n");
  // only the simulated engine says so of itself
  const simulated = /"simulated":\s*true/.test(told);
  if (!simulated) has.push("inside");
  if (status?.conditions.some(({ type, status: ready }) => type === "NetworkReady" && ready)) has.push("pod-network");
  // the capability of a CNI plugin, by the configuration that containerd and keelsond show
  if (simulated || told.includes("portMappings")) has.push("host-ports");
  return {
    endpoint,
    images: { ...defaultImages, ...images },
    has,
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
  };
}
