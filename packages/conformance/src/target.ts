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
  /** The user of its configuration is the number 1000, whom its /etc/group has in the group 50000. */
  readonly userInGroup: string;
  /** No registry has it. */
  readonly missing: string;
  /** For cases that need `own-images`. */
  readonly own?: OwnImages;
}

/** Images in a registry of the suite's own, and what the node's configuration says of one. */
export interface OwnImages {
  /** Only who has these gets it. */
  readonly withUser: { readonly image: string; readonly username: string; readonly password: string };
  /** The image of `withUser` in another registry, for everybody. */
  readonly elsewhere: string;
  /** Only who has an access token gets it, or gets one for an identity token (OAuth2: a refresh token). */
  readonly withToken: { readonly image: string; readonly identityToken: string; readonly registryToken: string };
  /** Its manifest has these annotations. */
  readonly annotated: { readonly image: string; readonly annotations: Readonly<Record<string, string>> };
  /** The node is told to keep it. */
  readonly pinned: string;
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
  /** Takes the node's network configuration away while `during` runs; pods keep what they have. */
  readonly withoutNetwork?: (during: () => Promise<void>) => Promise<void>;
  /** A variable in the environment of containers, by which a handler other than the default one tells its name. */
  readonly handlerVariable?: string;
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
  userInGroup: "gcr.io/k8s-staging-cri-tools/test-image-predefined-group:latest",
  missing: "registry.k8s.io/e2e-test-images/there-is-no-such-image:1",
};
