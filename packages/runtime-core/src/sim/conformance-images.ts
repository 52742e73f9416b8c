import type { ScriptImage } from "./script.ts";

/** What stands in no public registry: for the cases of @keelson/conformance that want it of a registry of their own. */
const ownImages: readonly ScriptImage[] = [
  { ref: "elsewhere.example/conformance/with-user:1", content: "with-user" },
  {
    ref: "registry.example/conformance/with-user:1",
    content: "with-user",
    login: { username: "reader", password: "of images" },
  },
  {
    ref: "registry.example/conformance/with-token:1",
    login: { identityToken: "identity-of-a-reader", registryToken: "access-of-a-reader" },
  },
  { ref: "registry.example/conformance/annotated:1", annotations: { "org.opencontainers.image.title": "annotated" } },
  { ref: "registry.example/conformance/pinned:1", pinned: true },
];

/** The images of the CRI conformance suites (cri-tools' critest, containerd's integration tests), by their names. */
export const conformanceImages: readonly ScriptImage[] = [
  ...several("busybox", [
    ...["1.29-2", "1.29-4", "1.36.1-1", "1.37.0-1"].map((tag) => `registry.k8s.io/e2e-test-images/busybox:${tag}`),
    ...["latest", "1.36", "1.26", "1.28"].map((tag) => `docker.io/library/busybox:${tag}`),
    "docker.io/library/alpine:latest",
    "ghcr.io/containerd/busybox:1.36",
    "ghcr.io/containerd/alpine:3.14.0",
  ]),
  ...several("nginx", [
    ...["1.14-2", "1.14-4", "1.15-4"].map((tag) => `registry.k8s.io/e2e-test-images/nginx:${tag}`),
    "docker.io/library/nginx:latest",
    "ghcr.io/containerd/nginx:1.27.0",
  ]),
  ...several(
    "httpd",
    ["2.4.39-4", "2.4.38-4"].map((tag) => `registry.k8s.io/e2e-test-images/httpd:${tag}`),
  ),
  { ref: "gcr.io/k8s-staging-cri-tools/hostnet-nginx-amd64:latest" },
  { ref: "registry.k8s.io/e2e-test-images/nonewprivs:1.3" },
  { ref: "registry.k8s.io/e2e-test-images/resource-consumer:1.10" },
  { ref: "gcr.io/k8s-staging-cri-tools/test-image-user-uid:latest", user: "1002" },
  { ref: "gcr.io/k8s-staging-cri-tools/test-image-user-username:latest", user: "www-data" },
  { ref: "gcr.io/k8s-staging-cri-tools/test-image-user-uid-group:latest", user: "1003:100" },
  { ref: "gcr.io/k8s-staging-cri-tools/test-image-user-username-group:latest", user: "www-data:www-data" },
  { ref: "gcr.io/k8s-staging-cri-tools/test-image-predefined-group:latest", user: "1000" },
  ...["latest:latest", "tag:test", "tag:all", "1:latest", "2:latest", "3:latest"].map((name) => ({
    ref: `gcr.io/k8s-staging-cri-tools/test-image-${name}`,
  })),
  {
    ref: "gcr.io/k8s-staging-cri-tools/test-image-digest:latest",
    // critest pulls the image by this digest
    digest: "sha256:9700f9a2f5bf2c45f2f605a0bd3bce7cf37420ec9d3ed50ac2758413308766bf",
  },
  ...several(
    "test-image-tags",
    ["1", "2", "3"].map((tag) => `gcr.io/k8s-staging-cri-tools/test-image-tags:${tag}`),
  ),
  ...["3.2", "3.6", "3.8", "3.9", "3.10", "3.10.1", "3.10.2"].map((tag) => ({
    ref: `registry.k8s.io/pause:${tag}`,
    content: "pause",
    user: "65535:65535",
    // no node can do without it, as long as its runtime needs one
    pinned: true,
  })),
  ...several(
    "volume-copy-up",
    ["2.1", "2.2"].map((tag) => `ghcr.io/containerd/volume-copy-up:${tag}`),
  ),
  { ref: "ghcr.io/containerd/volume-ownership:2.1" },
  ...ownImages,
];

/** One image under several names. */
function several(content: string, refs: readonly string[]): readonly ScriptImage[] {
  return refs.map((ref) => ({ ref, content }));
}
