/** A program's machine code: `exit(42)` in Linux system calls, which every kernel of the architecture runs. */
const code: Readonly<Record<string, readonly number[]>> = {
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

const machine: Readonly<Record<string, number>> = { x64: 62, arm64: 183 }; // EM_X86_64, EM_AARCH64
const address = 0x400000n;
const headerBytes = 64 + 56; // ELF header and one program header

/** What {@link tinyProgram} exits with. */
export const tinyProgramExitCode = 42;

/**
 * The smallest static executable (ELF64) that proves that a container has run: it needs nothing of the node and nothing in
 * the container but itself.
 */
export function tinyProgram(architecture: string): Buffer {
  const instructions = code[architecture];
  const machineNumber = machine[architecture];
  if (instructions === undefined || machineNumber === undefined) {
    throw new Error(`make a program: the architecture ${architecture} is not x64 or arm64`);
  }
  const size = BigInt(headerBytes + instructions.length);
  const elf = Buffer.alloc(headerBytes);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, 64 bits, little endian, version
  elf.writeUInt16LE(2, 16); // ET_EXEC
  elf.writeUInt16LE(machineNumber, 18);
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(address + BigInt(headerBytes), 24); // entry
  elf.writeBigUInt64LE(64n, 32); // program headers
  elf.writeUInt16LE(64, 52);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(1, 64); // PT_LOAD
  elf.writeUInt32LE(5, 68); // readable, executable
  elf.writeBigUInt64LE(address, 80);
  elf.writeBigUInt64LE(address, 88);
  elf.writeBigUInt64LE(size, 96);
  elf.writeBigUInt64LE(size, 104);
  elf.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([elf, Buffer.from(instructions)]);
}
