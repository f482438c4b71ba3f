/**
 * Whether a version is news.
 *
 * A native owner's versions strictly increase and are believed. A Python owner's are a bare clock:
 * one that is not a number, or a day ahead of everybody, would lock its owner out for ever
 * (D06, D07), so it is refused, and one that is already held loses to any sound one.
 * @module
 */

export interface VersionContext {
  readonly native: boolean;
  readonly unixSeconds: number;
  /** Versions of the other owners, to tell whether it is our own clock that is wrong. */
  readonly versionsHeld: () => readonly number[];
  /** Seconds. */
  readonly aheadMax: number;
}

export function judgeVersion(
  version: number,
  held: number | undefined,
  context: VersionContext,
): "newer" | "equal" | "stale" {
  if (!Number.isFinite(version)) return "stale";
  if (!context.native && version > horizon(context)) return "stale";
  if (held === undefined || version > held) return "newer";
  if (version === held) return "equal";
  return !context.native && held > horizon(context) ? "newer" : "stale";
}

function horizon({ unixSeconds, versionsHeld, aheadMax }: VersionContext): number {
  return Math.max(unixSeconds, median(versionsHeld())) + aheadMax;
}

/** Of an even number the lower one of the two in the middle: one of two owners may be a liar. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
