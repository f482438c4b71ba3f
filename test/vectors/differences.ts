/**
 * Where our answer to a vector is on purpose not Python's: the one list of them.
 *
 * `expectAnswer()` of `test/vectors.ts` reads it. A difference that has no row here fails, and so
 * does a row whose vector we answer as Python does, or that names no vector.
 *
 * To add rows for another file: append them here and run its vectors through `expectAnswer()` and
 * `staleDifferences()`.
 * @module
 */

export interface Difference {
  /** File in `test/vectors/`, without `.json`. */
  readonly file: string;
  /** What names the case in that file; where it has no name, its input. */
  readonly name: string;
  /** Our answer, in the form that the test compares; `"refused"` for a MalformedError. */
  readonly ours: unknown;
  /** Id of the defect that Python's answer is an instance of, where it has one. */
  readonly defect: string | undefined;
  /** One sentence for the reader. */
  readonly why: string;
}

const SHORT_READ =
  "Python reads past the end as if zeros or nothing stood there; a cut packet is no packet.";

function refused(file: string, name: string, defect?: string, why = SHORT_READ): Difference {
  return { file, name, ours: "refused", defect, why };
}

export const DIFFERENCES: readonly Difference[] = [
  refused("parse", "PEERS: last byte missing"),
  refused("parse", "PEERS: last 4 bytes missing"),
  refused("parse", "PEERS: cut at 20"),
  refused("parse", "PEERS: cut at 3"),
  refused("parse", "PEERS: empty"),
  refused("parse", "DATA: last byte missing"),
  refused(
    "parse",
    "PEERS: count 3 but one entry (missing ones become '' -> (None, 0))",
    "D12",
    "Python loops up to the count whatever came; ours is held against the bytes left.",
  ),
  refused("endpoint_parse", ""),
  refused("endpoint_parse", "00"),
  refused("endpoint_parse", "0000000001"),
  refused("endpoint_parse", "0300000061"),
  refused("endpoint_parse", "ffffffff6162"),
];
