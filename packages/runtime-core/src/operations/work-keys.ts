import type { SharedWorks } from "../joins/shared-works.ts";

/** What each shared work is found by. */
export const workKeys = {
  startContainer: (id: string): string => `start container ${id}`,
  reopenLog: (id: string): string => `reopen log ${id}`,
  removeContainer: (id: string): string => `remove container ${id}`,
  stopSandbox: (id: string): string => `stop sandbox ${id}`,
  removeSandbox: (id: string): string => `remove sandbox ${id}`,
} as const;

/** True while a sandbox is being stopped or removed: nothing new begins in it. */
export function isLeaving(works: SharedWorks, sandboxId: string): boolean {
  return (
    works.running(workKeys.stopSandbox(sandboxId)) !== undefined ||
    works.running(workKeys.removeSandbox(sandboxId)) !== undefined
  );
}
