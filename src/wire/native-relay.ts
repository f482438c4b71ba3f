/**
 * RELAY (message type 21): a HELLO to pass on to a node that the asker does not reach.
 *
 *     string    to       node id
 *     float64   held     what the asker holds of that node's state: a version; 0 = none
 *     bytes     hello    HELLO and its block, request, 1 byte to 8 KiB
 *
 * The answer is that node's HELLO answer, as it came.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";
import { helloFault, nodeIdFault, versionFault } from "./native-fields.ts";

export interface RelayRequest {
  /** Id of the node to pass it on to. */
  readonly to: string;
  /** The version held of its state; 0 = none. */
  readonly held: number;
  /** The asker's HELLO and its block. Of a request that was decoded, a view. */
  readonly hello: Uint8Array;
}

/** @throws {RangeError} when the id has no UTF-8 form, or a field passes a limit. */
export function encodeRelay(request: RelayRequest): Uint8Array {
  const fault = faultOf(request);
  if (fault !== undefined) throw new RangeError(`Cannot write RELAY: ${fault}`);
  const { to, held, hello } = request;
  return new ByteWriter(4 + to.length + 8 + 4 + hello.length)
    .string(to)
    .float64(held)
    .bytes(hello)
    .finish();
}

/**
 * Reads a RELAY message. The HELLO is a VIEW, neither decoded nor verified.
 *
 * @throws {MalformedError} when the bytes end early, the id is not UTF-8, or a field passes a
 *   limit.
 */
export function decodeRelay(payload: Uint8Array): RelayRequest {
  const reader = new ByteReader(payload);
  const request = { to: reader.string(), held: reader.float64(), hello: reader.bytes() };
  const fault = faultOf(request);
  if (fault !== undefined) throw new MalformedError(`Cannot read RELAY: ${fault}`);
  return request;
}

function faultOf({ to, held, hello }: RelayRequest): string | undefined {
  return nodeIdFault(to) ?? versionFault(held) ?? helloFault(hello);
}
