/**
 * HELLO (message type 1): who a node is and where it listens; the answer has the same form.
 *
 *     string  version            compared for equality
 *     string  node id
 *     string  address            empty = none; a native node's ends in NATIVE_MARK
 *     uint32  port
 *     bytes   public key         secp256k1, X then Y, 64 bytes
 *     bytes   signature          64 bytes; absent in the signed part
 *     string  detected address   answers only: where the answerer saw the asker; empty = none
 *
 * Whatever trails is ignored by Python; native nodes put `hello-block.ts` there.
 *
 * Source: `hello_packet.py`; `dsnode.py`, `handle_hello`.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";

export interface Hello {
  readonly version: string;
  /** Unchecked: see `isNodeId`. */
  readonly nodeId: string;
  /** With the native mark, if it has one: see `stripNativeMark`. Empty = none. */
  readonly address: string;
  /** Any uint32: see `isPort`. */
  readonly port: number;
  /** Any bytes but none: whether they are a key is not known here. */
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
  /** Not covered by the signature: the answerer fills it in after it signed. Empty = none. */
  readonly detectedAddress: string;
}

/** @throws {RangeError} when the port is no uint32, or a string has no UTF-8 form. */
export function encodeHello(hello: Hello): Uint8Array {
  return writeUnsigned(hello).bytes(hello.signature).string(hello.detectedAddress).finish();
}

/**
 * The bytes that the signature covers: all fields but the signature, and always with an empty
 * detected address, whatever `hello` holds there.
 *
 * @throws {RangeError} when the port is no uint32, or a string has no UTF-8 form.
 */
export function helloSignedPart(hello: Omit<Hello, "signature" | "detectedAddress">): Uint8Array {
  return writeUnsigned(hello).string("").finish();
}

function writeUnsigned(hello: Omit<Hello, "signature" | "detectedAddress">): ByteWriter {
  return new ByteWriter()
    .string(hello.version)
    .string(hello.nodeId)
    .string(hello.address)
    .uint32(hello.port)
    .bytes(hello.publicKey);
}

/** A HELLO as it came. All byte fields are views of what was decoded: copy what you keep. */
export interface DecodedHello {
  readonly hello: Hello;
  /** The bytes as received that the signature covers. */
  readonly signedPart: Uint8Array;
  /** What came after the last field. */
  readonly trailing: Uint8Array;
  /** The HELLO's own bytes, without what trails. */
  readonly body: Uint8Array;
}

/** Whose HELLO it says it is. @throws {MalformedError} when the bytes end early, or are not UTF-8. */
export function nodeIdOfHello(bytes: Uint8Array): string {
  const reader = new ByteReader(bytes);
  reader.bytes();
  return reader.string();
}

/**
 * Reads a HELLO. One that ends where the detected address would start is whole: older nodes write
 * it so.
 *
 * @throws {MalformedError} when the bytes end anywhere else, a string is not UTF-8, or the
 *   version, the node id or the public key is empty.
 */
export function decodeHello(bytes: Uint8Array): DecodedHello {
  const reader = new ByteReader(bytes);
  const version = reader.string();
  const nodeId = reader.string();
  const address = reader.string();
  const port = reader.uint32();
  const publicKey = reader.bytes();
  const signatureAt = reader.offset;
  const signature = reader.bytes();
  const detectedAddress = reader.remaining === 0 ? "" : reader.string();
  const body = reader.span(0);
  if (version === "" || nodeId === "" || publicKey.length === 0) {
    throw new MalformedError("Malformed packet: version, node id or public key of HELLO is empty");
  }
  const signedPart = new ByteWriter(signatureAt + 4)
    .raw(reader.span(0, signatureAt))
    .string("")
    .finish();
  const hello = { version, nodeId, address, port, publicKey, signature, detectedAddress };
  return { hello, signedPart, trailing: reader.rest(), body };
}
