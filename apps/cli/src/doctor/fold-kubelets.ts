import type { KubeletVerdict } from "./judge-kubelets.ts";

export interface FoldedKubelets {
  readonly range: string;
  readonly verdict: KubeletVerdict;
}

/** Neighbours with which the same happens are one row. */
export function foldKubelets(kubelets: readonly KubeletVerdict[]): readonly FoldedKubelets[] {
  const runs: [KubeletVerdict, ...KubeletVerdict[]][] = [];
  for (const one of kubelets) {
    const run = runs.at(-1);
    if (run !== undefined && sameFate(run[0], one)) run.push(one);
    else runs.push([one]);
  }
  return runs.map((run) => ({
    range: run.length === 1 ? run[0].kubelet : `${run[0].kubelet} – ${run.at(-1)?.kubelet}`,
    verdict: run[0],
  }));
}

function sameFate(a: KubeletVerdict, b: KubeletVerdict): boolean {
  return JSON.stringify({ ...a, kubelet: "" }) === JSON.stringify({ ...b, kubelet: "" });
}

/** `1.22 – 1.25`: those that start, whatever becomes of their nodes. */
export function startingKubelets(kubelets: readonly KubeletVerdict[]): readonly string[] {
  const alike = { runtime: undefined, image: undefined, why: [], cgroupDriver: undefined } as const;
  const starts = kubelets.map(({ kubelet, outcome }) => ({
    ...alike,
    kubelet,
    outcome: outcome === "exits" ? outcome : ("ready" as const),
  }));
  return foldKubelets(starts)
    .filter(({ verdict }) => verdict.outcome !== "exits")
    .map(({ range }) => range);
}
