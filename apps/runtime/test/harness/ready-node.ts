// Nodes of which a test can ask at once what it is about.
import type { CriConnection } from "@keelson/cri-client";
import { logFolder, type Pod, runPod } from "./pods.ts";
import { type NodeOptions, startNode, type TestNode } from "./start-node.ts";

export interface ReadyNode {
  readonly node: TestNode;
  /** Busybox, which the node has pulled. */
  readonly image: string;
}

export interface ReadyPod extends ReadyNode {
  readonly cri: CriConnection;
  readonly pod: Pod;
}

/** A node with keelsond running and busybox pulled. */
export async function startReadyNode(options: NodeOptions = {}): Promise<ReadyNode> {
  const node = await startNode(options);
  try {
    const image = await node.push("busybox:latest");
    await using cri = await node.connect();
    await cri.images.pullImage({ image: { image } });
    return { node, image };
  } catch (error) {
    await node.close();
    throw error;
  }
}

/** The same with a connection, and with a pod that logs to the node's folder. */
export async function startReadyPod(options: NodeOptions = {}): Promise<ReadyPod> {
  const { node, image } = await startReadyNode(options);
  try {
    const cri = await node.connect();
    return { node, image, cri, pod: await runPod(cri, { logDirectory: logFolder(node.folder) }) };
  } catch (error) {
    await node.close();
    throw error;
  }
}
