import { ProcessError } from "../sys/process-error.ts";
import { run } from "../sys/run.ts";

const deadlineMs = 120_000; // systemd gives what is in a slice 90 seconds
const notLoaded = 5; // systemctl(1), the LSB's "program is not installed"

/**
 * Has systemd end a slice and whatever is in it: a slice that came with its first scope stays when its last one has gone.
 * Succeeds when there is none.
 * @throws INTERNAL with systemctl's own words
 */
export async function stopSlice(slice: string): Promise<void> {
  try {
    await run(["systemctl", "stop", "--", slice], { deadlineMs });
  } catch (error) {
    if (!(error instanceof ProcessError && error.exit.code === notLoaded)) throw error;
  }
}
