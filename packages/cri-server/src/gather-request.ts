import type { Readable } from "node:stream";

/** gRPC's prefix of a message: a flag, and the length in four bytes (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const prefixBytes = 5;

/** What a caller has sent of its one message. */
export interface GatheredRequest {
  /** From its prefix on. */
  readonly bytes: Uint8Array;
  /** One message that is not compressed, all of it, and the caller has said that there is no more. */
  readonly isWhole: boolean;
}

/**
 * Puts the one message of a request together, in time and space that follow from its bytes however many pieces they come
 * in (THREATS T11.07). What claims to be longer than `longest`, or is longer than it claimed, is handed over at once and
 * the rest is left unread. Undefined when the caller goes before.
 */
export function gatherRequest(stream: Readable, longest: number): Promise<GatheredRequest | undefined> {
  return new Promise((resolve) => {
    let gathered: Uint8Array = new Uint8Array(0);
    let length = 0;
    let most = prefixBytes;
    const settle = (isWhole: boolean): void => {
      stream.removeListener("data", onData);
      stream.removeListener("end", onEnd);
      stream.removeListener("close", onClose);
      resolve({ bytes: length === gathered.byteLength ? gathered : gathered.subarray(0, length), isWhole });
    };
    const onData = (piece: Uint8Array): void => {
      if (length === 0) gathered = piece;
      else {
        gathered = withRoom(gathered, length, length + piece.byteLength);
        gathered.set(piece, length);
      }
      length += piece.byteLength;
      if (most === prefixBytes && length >= prefixBytes) most += claimedBytes(gathered);
      if (length > most || most > prefixBytes + longest) {
        stream.pause();
        settle(false);
      }
    };
    const onEnd = (): void => settle(length >= prefixBytes && length === most && gathered[0] === 0);
    const onClose = (): void => resolve(undefined);
    stream.on("data", onData);
    stream.once("end", onEnd);
    stream.once("close", onClose);
  });
}

const claimedBytes = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);

/** The same bytes with room for `wanted`, doubled so that many small pieces are copied a few times only. */
function withRoom(bytes: Uint8Array, used: number, wanted: number): Uint8Array {
  if (wanted <= bytes.byteLength) return bytes;
  const larger = new Uint8Array(Math.max(wanted, 2 * bytes.byteLength));
  larger.set(bytes.subarray(0, used));
  return larger;
}
