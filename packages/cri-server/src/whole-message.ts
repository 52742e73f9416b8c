/** gRPC's prefix of a message: a flag, and the length in four bytes (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const prefixBytes = 5;

/**
 * A request's first message in one piece, and whatever follows as it comes. Connect's own reader copies all that it has
 * for each piece that comes, so a message in a million pieces would take it minutes (THREATS T11.07). One that claims to
 * be longer than `longest` is handed on at once, for Connect to refuse.
 */
export async function* wholeMessage(pieces: AsyncIterable<Uint8Array>, longest: number): AsyncGenerator<Uint8Array> {
  let gathered = new Uint8Array(0);
  let length = 0;
  let isWhole = false;
  for await (const piece of pieces) {
    if (isWhole) {
      yield piece;
      continue;
    }
    if (length === 0 && isComplete(piece, longest)) {
      isWhole = true;
      yield piece;
      continue;
    }
    gathered = withRoom(gathered, length, length + piece.byteLength);
    gathered.set(piece, length);
    length += piece.byteLength;
    isWhole = isComplete(gathered.subarray(0, length), longest);
    if (isWhole) yield gathered.subarray(0, length);
  }
  if (!isWhole && length > 0) yield gathered.subarray(0, length);
}

function isComplete(bytes: Uint8Array, longest: number): boolean {
  if (bytes.byteLength < prefixBytes) return false;
  const claimed = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  return claimed > longest || bytes.byteLength >= prefixBytes + claimed;
}

/** The same bytes with room for `wanted`, doubled so that many small pieces are copied a few times only. */
function withRoom(bytes: Uint8Array<ArrayBuffer>, used: number, wanted: number): Uint8Array<ArrayBuffer> {
  if (wanted <= bytes.byteLength) return bytes;
  const larger = new Uint8Array(Math.max(wanted, 2 * bytes.byteLength));
  larger.set(bytes.subarray(0, used));
  return larger;
}
