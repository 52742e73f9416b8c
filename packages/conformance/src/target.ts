import type { Capability } from "./case.ts";

/** Images that the cases pull, as references. A target may have them under other names. */
export interface TargetImages {
  /** A shell and busybox's tools, as root; no entry point. */
  readonly busybox: string;
  /** One image under three tags of one repository, which nothing else uses. */
  readonly tags: readonly [string, string, string];
  /** A repository, named without a tag, that has the tag `latest`; nothing else uses it. */
  readonly untagged: string;
  /** The user of its configuration is the number 1002. */
  readonly userNumber: string;
  /** The user of its configuration is the name www-data. */
  readonly userName: string;
  /** No registry has it. */
  readonly missing: string;
}

/** A runtime as the cases meet it: data, but for the hook that restarts it. */
export interface Target {
  /** `unix:///PATH`; its files are those of this machine. */
  readonly endpoint: string;
  readonly images: TargetImages;
  readonly has: readonly Capability[];
  /** A folder for the log folders of pods. Default: a fresh temporary one, which goes at the end. */
  readonly logFolder?: string;
  /** For `cgroup_parent`. Default: none is asked for. */
  readonly cgroupParent?: string;
  /** Ends the runtime with the signal, does what is to be done while it is away, and starts it again; pods go on. */
  readonly restart?: (signal: "SIGTERM" | "SIGKILL", meanwhile?: () => Promise<void>) => Promise<void>;
}

/** As Kubernetes' own suites name them, which the simulated engine has too. */
export const defaultImages: TargetImages = {
  busybox: "registry.k8s.io/e2e-test-images/busybox:1.37.0-1",
  tags: [
    "gcr.io/k8s-staging-cri-tools/test-image-tags:1",
    "gcr.io/k8s-staging-cri-tools/test-image-tags:2",
    "gcr.io/k8s-staging-cri-tools/test-image-tags:3",
  ],
  untagged: "gcr.io/k8s-staging-cri-tools/test-image-latest",
  userNumber: "gcr.io/k8s-staging-cri-tools/test-image-user-uid:latest",
  userName: "gcr.io/k8s-staging-cri-tools/test-image-user-username:latest",
  missing: "registry.k8s.io/e2e-test-images/there-is-no-such-image:1",
};
