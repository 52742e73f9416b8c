import { type MachineCode, staticProgram } from "./static-program.ts";

/** `exit(42)` in Linux system calls, which every kernel of the architecture runs. */
const code: MachineCode = {
  x64: [
    ...[0xbf, 0x2a, 0x00, 0x00, 0x00], // mov edi, 42
    ...[0xb8, 0x3c, 0x00, 0x00, 0x00], // mov eax, 60 (exit)
    ...[0x0f, 0x05], // syscall
  ],
  arm64: [
    ...[0x40, 0x05, 0x80, 0xd2], // mov x0, #42
    ...[0xa8, 0x0b, 0x80, 0xd2], // mov x8, #93 (exit)
    ...[0x01, 0x00, 0x00, 0xd4], // svc #0
  ],
};

/** What {@link tinyProgram} exits with. */
export const tinyProgramExitCode = 42;

/** The smallest executable that proves that a container has run. */
export function tinyProgram(architecture: string): Buffer {
  return staticProgram(code, architecture);
}
