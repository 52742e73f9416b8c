/** Machine code for the architectures of this engine, as `process.arch` names them. */
export type MachineCode = Readonly<Record<"x64" | "arm64", readonly number[]>>;

const machine: Readonly<Record<string, number>> = { x64: 62, arm64: 183 }; // EM_X86_64, EM_AARCH64
const address = 0x400000n;
const headerBytes = 64 + 56; // ELF header and one program header

/** A static executable (ELF64) of a few instructions: it needs nothing of the node and nothing in a container but itself. */
export function staticProgram(code: MachineCode, architecture: string): Buffer {
  const instructions = (code as Readonly<Record<string, readonly number[]>>)[architecture];
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
