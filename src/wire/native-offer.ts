/**
 * OFFER (message type 23): versions of others that the sender can show. Answered by acks, as STATES
 * is: which of them the receiver lacks.
 *
 *     list    at most 4096 offers:
 *       string    owner      node id
 *       float64   version    Unix seconds; 0 where only the HELLO is offered
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";
import {
  checkCount,
  ITEMS_MAX,
  type ListLimits,
  NODE_ID_BYTES_MIN,
  nodeIdFault,
  readList,
  versionFault,
} from "./native-fields.ts";

/** A version of a state that can be had. */
export interface Offer {
  readonly owner: string;
  readonly version: number;
}

const OFFERS: ListLimits = {
  of: "offers",
  itemBytesMin: NODE_ID_BYTES_MIN + 8,
  countMax: ITEMS_MAX,
};

/** @throws {RangeError} when an owner has no UTF-8 form, or an offer passes a limit. */
export function encodeOffers(offers: readonly Offer[]): Uint8Array {
  checkCount(offers.length, OFFERS);
  const writer = new ByteWriter(offers.length * 48 + 4).uint32(offers.length);
  for (const { owner, version } of offers) {
    const fault = nodeIdFault(owner) ?? versionFault(version);
    if (fault !== undefined) throw new RangeError(`Cannot write OFFER: ${fault}`);
    writer.string(owner).float64(version);
  }
  return writer.finish();
}

/** @throws {MalformedError} when the bytes end early, an owner is not UTF-8, or a limit is passed. */
export function decodeOffers(payload: Uint8Array): Offer[] {
  const reader = new ByteReader(payload);
  return readList(reader, OFFERS, () => {
    const offer = { owner: reader.string(), version: reader.float64() };
    const fault = nodeIdFault(offer.owner) ?? versionFault(offer.version);
    if (fault !== undefined) throw new MalformedError(`Cannot read OFFER: ${fault}`);
    return offer;
  });
}
