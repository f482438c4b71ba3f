/**
 * Endpoint: where a node listens.
 *
 *     string  address   empty = none known
 *     uint32  port
 *
 * Source: `endpoint.py`.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";

/** Where a node listens, as the wire carries it: unchecked, see `isHostAddress` and `isPort`. */
export interface WireEndpoint {
  /** Host name or IP address, IPv6 without brackets; empty when none is known. */
  readonly address: string;
  /** Any uint32, though only 1 to 65535 can be dialled. */
  readonly port: number;
}

/** @throws {RangeError} when the port is no uint32, or the address has no UTF-8 form. */
export function encodeEndpoint(endpoint: WireEndpoint): Uint8Array {
  return new ByteWriter(endpoint.address.length + 8)
    .string(endpoint.address)
    .uint32(endpoint.port)
    .finish();
}

/**
 * Reads an endpoint from its own bytes. What trails it is ignored, as Python does, so that newer
 * versions can append.
 *
 * @throws {MalformedError} when the bytes end early, or the address is not UTF-8.
 */
export function decodeEndpoint(bytes: Uint8Array): WireEndpoint {
  const reader = new ByteReader(bytes);
  return { address: reader.string(), port: reader.uint32() };
}
