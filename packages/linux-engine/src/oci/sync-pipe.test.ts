import { expect, it } from "vitest";
import { parseSyncMessage } from "./sync-pipe.ts";

it("parseSyncMessage() reads pids, exit codes and the runtime's words", () => {
  expect(parseSyncMessage('{"pid": 24963}\n')).toEqual({ value: 24963, message: "" });
  expect(parseSyncMessage('{"exit_code": 0}\n')).toEqual({ value: 0, message: "" });
  expect(parseSyncMessage('{"pid": -1, "message": "level=error msg=\\"no \\\\\\"x\\\\\\"\\"\\n"}\n')).toEqual({
    value: -1,
    message: 'level=error msg="no \\"x\\""\n',
  });
  expect(parseSyncMessage('{"data": -1, "message": "a\\u0007b\u001fc')).toEqual({
    value: -1,
    message: "a\u0007b\u001fc",
  });
});

it("parseSyncMessage() refuses what conmon does not write", () => {
  for (const line of ["", "{}", "null", '{"pid": "1"}', '{"pid": 99999999999']) {
    expect(() => parseSyncMessage(line), line).toThrow(/sync pipe/);
  }
});
