/** What peers may make this process hold. */
import { getHeapStatistics } from "node:v8";
import { LIMITS } from "../protocol/index.ts";

/** Bytes of memory for copies of states: a quarter of what the runtime gives this process at most. */
export function replicaBytesMax(): number {
  return Math.min(LIMITS.replicaBytesMax, Math.floor(getHeapStatistics().heap_size_limit / 4));
}
