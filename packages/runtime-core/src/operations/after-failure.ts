import type { Core } from "../core.ts";

/**
 * Does what has to be done after a failure. Should that fail too, it is logged: the caller is told of the first failure,
 * and what is left is in the record.
 */
export async function afterFailure(core: Core, what: string, id: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    core.log.error(`${what} failed after a failure`, { id, error });
  }
}
