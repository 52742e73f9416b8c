import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import type { Command } from "../../program/program.ts";

export const outputAndCode: Case = defineCase({
  name: "ExecSync answers with stdout, stderr and exit code of the command",
  cites: "runtime.v1 ExecSyncResponse: stdout, stderr, exit_code",
  covers: [
    "ExecSyncRequest.container_id",
    "ExecSyncRequest.cmd",
    "ExecSyncResponse.stdout",
    "ExecSyncResponse.stderr",
    "ExecSyncResponse.exit_code",
  ],
  async run({ pod }) {
    const command: Command = { stdout: "to stdout\n", stderr: "to stderr", code: 5 };
    const c = await pod.start({ program: { exec: [command] } });
    expect(await c.exec(command)).toEqual({ stdout: "to stdout\n", stderr: "to stderr", exitCode: 5 });
  },
});
