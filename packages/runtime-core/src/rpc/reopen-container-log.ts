import { waitFor } from "../joins/work.ts";
import { checkId } from "../lookup.ts";
import { workKeys } from "../operations/work-keys.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeRpc } from "./rpc.ts";
import { runningContainer } from "./running-container.ts";

export const reopenContainerLog: RuntimeRpc<"reopenContainerLog"> = (core) => async (request, call) => {
  checkId(request.containerId, "container_id");
  const engine = core.engine.containers;
  if (engine.reopenLog === undefined) throw notByEngine(call);
  const record = runningContainer(core, request.containerId, "reopen the log of");
  if (record.logPath === "") return {};
  const start = {
    key: workKeys.reopenLog(record.id),
    operation: "ReopenContainerLog",
    what: "reopening the log",
    of: `of container ${record.id}`,
  } as const;
  const reopen = async (): Promise<void> => engine.reopenLog?.(record, core.sandboxes.get(record.sandboxId));
  await waitFor(core.works.run(start, reopen), call);
  return {};
};
