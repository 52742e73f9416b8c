/**
 * Programs of a few bytes that open one socket and exit with 0, or with the errno: no compiler is needed, and they make
 * calls that no libc would. For x86-64 only.
 */
export interface SocketProgram {
  readonly name: string;
  readonly program: Buffer;
}

const AF_UNIX = 1;
const AF_ALG = 38;
const AF_VSOCK = 40;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const loadAddress = 0x40_0000;
const headerBytes = 0x78;

export const socketCalls: readonly string[] = [
  "unix-64",
  "unix-32",
  "alg-64",
  "alg-64-high-bits",
  "alg-32",
  "alg-socketcall",
  "vsock-64",
];

export function socketPrograms(): SocketProgram[] {
  const code: Record<string, number[]> = {
    "unix-64": socket64(AF_UNIX, SOCK_STREAM),
    "unix-32": socket32(AF_UNIX, SOCK_STREAM),
    "alg-64": socket64(AF_ALG, SOCK_SEQPACKET),
    "alg-64-high-bits": socket64(AF_ALG, SOCK_SEQPACKET, 1),
    "alg-32": socket32(AF_ALG, SOCK_SEQPACKET),
    "alg-socketcall": socketcall(AF_ALG, SOCK_SEQPACKET),
    "vsock-64": socket64(AF_VSOCK, SOCK_STREAM),
  };
  return Object.entries(code).map(([name, bytes]) => ({ name, program: elf(bytes) }));
}

const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** `exit(result < 0 ? -result : 0)` of the result in eax. */
const exit = [
  ...[0x31, 0xff], // xor edi, edi
  ...[0xf7, 0xd8], // neg eax
  ...[0x0f, 0x49, 0xf8], // cmovns edi, eax
  ...[0xb8, ...word(60)], // mov eax, SYS_exit
  ...[0x0f, 0x05], // syscall
];

/** socket(2) of x86-64, with `high` in the upper half of the family's register, which the kernel does not look at. */
function socket64(family: number, type: number, high = 0): number[] {
  return [
    ...[0x48, 0xbf, ...word(family), ...word(high)], // mov rdi, family
    ...[0xbe, ...word(type)], // mov esi, type
    ...[0x31, 0xd2], // xor edx, edx
    ...[0xb8, ...word(41)], // mov eax, SYS_socket
    ...[0x0f, 0x05], // syscall
    ...exit,
  ];
}

/** socket(2) of 32-bit x86, made by a 64-bit process. */
function socket32(family: number, type: number): number[] {
  return [
    ...[0xbb, ...word(family)], // mov ebx, family
    ...[0xb9, ...word(type)], // mov ecx, type
    ...[0x31, 0xd2], // xor edx, edx
    ...[0xb8, ...word(359)], // mov eax, SYS_socket
    ...[0xcd, 0x80], // int 0x80
    ...exit,
  ];
}

/** socketcall(2) of 32-bit x86: the arguments are behind a pointer. */
function socketcall(family: number, type: number): number[] {
  const before = (pointer: number) => [
    ...[0xbb, ...word(1)], // mov ebx, SYS_SOCKET
    ...[0xb9, ...word(pointer)], // mov ecx, arguments
    ...[0xb8, ...word(102)], // mov eax, SYS_socketcall
    ...[0xcd, 0x80], // int 0x80
    ...exit,
  ];
  const length = before(0).length;
  return [...before(loadAddress + headerBytes + length), ...word(family), ...word(type), ...word(0)];
}

/** The smallest static executable: one segment that holds the headers and the code (elf(5)). */
export function elf(code: readonly number[]): Buffer {
  const file = Buffer.alloc(headerBytes + code.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(2, 16); // executable
  file.writeUInt16LE(62, 18); // x86-64
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(loadAddress + headerBytes), 24); // entry
  file.writeBigUInt64LE(64n, 32); // program headers
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64); // load
  file.writeUInt32LE(5, 68); // read, execute
  file.writeBigUInt64LE(BigInt(loadAddress), 80);
  file.writeBigUInt64LE(BigInt(loadAddress), 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  file.set(code, headerBytes);
  return file;
}
