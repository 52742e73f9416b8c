const count = 10_000;

/** Containers as a kubelet's runtime lists them, with the labels and annotations that the kubelet gives each. */
export function listedContainers(): readonly object[] {
  return Array.from({ length: count }, (_, index) => {
    const hex = index.toString(16).padStart(8, "0");
    const uid = `8e9d3c42-5f1a-4c1b-9a57-0000${hex}`;
    const image = `registry.example/team/service-${index % 100}@sha256:${hex.repeat(8)}`;
    return {
      id: hex.repeat(8),
      podSandboxId: hex.repeat(8),
      metadata: { name: "server", attempt: index % 3 },
      image: { image, userSpecifiedImage: image },
      imageRef: image,
      imageId: `sha256:${hex.repeat(8)}`,
      state: "CONTAINER_RUNNING",
      createdAt: "1764000000000000000",
      labels: {
        "io.kubernetes.container.name": "server",
        "io.kubernetes.pod.name": `service-${index % 100}-${hex}`,
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.uid": uid,
      },
      annotations: {
        "io.kubernetes.container.hash": hex,
        "io.kubernetes.container.restartCount": String(index % 3),
        "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
        "io.kubernetes.container.terminationMessagePolicy": "File",
        "io.kubernetes.pod.terminationGracePeriod": "30",
      },
    };
  });
}
