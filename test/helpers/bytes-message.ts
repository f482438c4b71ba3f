/** A BYTES message in one piece, as it comes out of a session. */
import { wholePayload } from "../../src/wire/exchange.ts";
import { type BytesMessage, encodeBytesHead } from "../../src/wire/native-bytes.ts";

export function encodeBytes({ number, payload }: BytesMessage): Uint8Array {
  return wholePayload({ head: encodeBytesHead(number), payload });
}
