/**
 * What trust on first use cannot keep: a name that has not proved itself to a node yet is for
 * whoever is there first, and may be an insider's.
 * @module
 */
import type { SimHost } from "./sim-carrier.ts";
import { SimNode } from "./sim-node.ts";
import type { Simulation } from "./simulation.ts";

/** Whether a node has the key of a liar pinned for the name of another. */
export function isNameTaken({ liars, nodes }: Simulation, at: SimHost, nodeId: string): boolean {
  if (liars.size === 0 || !(at instanceof SimNode)) return false;
  const pinned = at.disk.pins.get(nodeId);
  if (pinned === undefined) return false;
  const known = at.core.member(nodeId);
  if (known !== undefined && !isSame(known.publicKey, pinned)) return false;
  return [...liars]
    .flatMap((name) => nodes.get(name) ?? [])
    .some((liar) => liar.nodeId !== nodeId && isSame(liar.disk.keyPair.publicKey, pinned));
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
