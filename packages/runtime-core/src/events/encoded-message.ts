import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";

/** A message that is encoded once, however often it is sent. */
export interface EncodedMessage<Desc extends DescMessage> {
  /** Holds its encoded fields as they go over the wire, and can be read by no other way. */
  readonly message: MessageShape<Desc>;
  readonly sizeBytes: number;
}

/** Encodes a message now. What is sent later is what it held now, and shares its bytes. */
export function encodeOnce<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): EncodedMessage<Desc> {
  const bytes = toBinary(schema, create(schema, init));
  const message = create(schema);
  // to a message without fields every field is an unknown one, which is kept and written as it came
  const { $unknown } = fromBinary(EmptySchema, bytes);
  if ($unknown !== undefined) message.$unknown = $unknown;
  return { message, sizeBytes: bytes.byteLength };
}
