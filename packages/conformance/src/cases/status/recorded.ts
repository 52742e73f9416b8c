import type { Stage } from "../../stage/stage.ts";

/** What stands at a path of JSON, as text: `config.working_dir`. "" where nothing stands. */
export function recorded(value: unknown, path: string): string {
  let found: unknown = value;
  for (const name of path.split(".")) {
    if (typeof found !== "object" || found === null) return "";
    found = Object.entries(found).find(([key]) => key === name)?.[1];
  }
  if (found === undefined) return "";
  return typeof found === "string" ? found : JSON.stringify(found);
}

/** The verbose answer's `info` of a sandbox, for runtimes that only record. */
export async function sandboxInfo({ cri, pod }: Pick<Stage, "cri" | "pod">): Promise<unknown> {
  const { info } = await cri.podSandboxStatus({ podSandboxId: pod.id, verbose: true });
  return JSON.parse(info.info ?? "{}");
}
