/** Reads in a loop, of a peer and of plain maps. */
import { nowMs } from "./clock.ts";
import type { ReadRates } from "./commands.ts";
import { FULL_STATE, type Peer } from "./peer.ts";

const KEY = "value";

export function readRates(peer: Peer, index: number, count: number): ReadRates {
  const value = peer.read(index) ?? "";
  if (value === "") throw new Error(`there is no value of process ${index}`);
  const inner = new Map([[KEY, value]]);
  for (let key = 1; key < FULL_STATE.keys; key += 1) inner.set(`key-${key}`, value);
  const outer = new Map([[index, inner]]);
  return {
    perSecond: rateOf(count, value.length, () => peer.read(index)),
    mapsPerSecond: rateOf(count, value.length, () => outer.get(index)?.get(KEY)),
  };
}

/** What was read is looked at: a read that nobody needs would be compiled away. */
function rateOf(count: number, length: number, read: () => string | undefined): number {
  let characters = 0;
  const startedMs = nowMs();
  for (let reads = 0; reads < count; reads += 1) characters += read()?.length ?? 0;
  const tookMs = nowMs() - startedMs;
  if (characters !== count * length) throw new Error("a read gave something else");
  return (count / tookMs) * 1_000;
}
