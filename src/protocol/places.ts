/**
 * Where a node stands among others, as everybody computes it from its id alone.
 * @module
 */
import { createHash } from "node:crypto";
import { bucketOf } from "../wire/digest-summary.ts";

/** Rings that all nodes stand on, in another order on each. */
export const RINGS = 5;

export interface Places {
  /** The bucket of digests that its state is in. */
  readonly bucket: number;
  /** Its place on each ring, a uint32. */
  readonly rings: readonly number[];
}

export function placesOf(nodeId: string): Places {
  const hash = createHash("sha256").update(nodeId).digest();
  const rings = Array.from({ length: RINGS }, (_, ring) => hash.readUInt32BE(4 + 4 * ring));
  return { bucket: bucketOf(hash), rings };
}
