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
  /**
   * Our answer, in the form that the test compares: `"refused"` for a MalformedError, status and
   * body for requests over HTTP.
   */
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

/** One answer for everything that bears no valid signature, whatever is wrong with it. */
const UNIFORM = { status: 401, body: "Missing or incorrect encryption key" };

const UNTOLD =
  "Who has not proven to be a member is not told why it is refused: reasons are how a stranger " +
  "learns to forge messages.";

function unproven(file: string, name: string, defect = "D11", why = UNTOLD): Difference {
  return { file, name, ours: UNIFORM, defect, why };
}

const UNSIGNED_HELLO =
  "Python never looks at the signature of a HELLO, so whoever has a public key can be its owner.";
const UNKNOWN_OWNER = "Python stores any state of a node that it does not know, signed or not.";

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

  unproven("http", "hello empty signature is accepted", "D02", UNSIGNED_HELLO),
  unproven("http", "hello without signature", "D02", UNSIGNED_HELLO),
  unproven("http", "hello port 0", "D02", UNSIGNED_HELLO),
  unproven("http", "hello port 4294967295", "D02", UNSIGNED_HELLO),
  unproven(
    "http",
    "hello own id, own public key (accepted, moves the server's own entry)",
    "D04",
    "A node's own entry is never taken from others.",
  ),
  unproven(
    "http",
    "hello 5-byte key is accepted",
    "P7",
    "What is no point of the curve is no key, and is not stored.",
  ),
  unproven(
    "http",
    "data from a node whose stored key is 5 bytes",
    "P7",
    "That node never got in, so its message is a stranger's.",
  ),
  unproven(
    "http",
    "hello id 'a/b' (errno leaks out as HTTP status 2)",
    "D01",
    "An id is checked before it can become a path, and errors of the disk stay here.",
  ),
  unproven("http", "hello id of 300 bytes (errno 36 as status)", "V", "An id has 64 characters."),
  unproven(
    "http",
    "hello id of 252 bytes (mkdir works, .pub does not)",
    "V",
    "An id has 64 characters.",
  ),
  unproven("http", "hello other key"),
  unproven("http", "hello other version"),
  unproven("http", "hello empty version"),
  unproven("http", "hello empty id"),
  unproven("http", "hello empty key"),
  unproven("http", "hello empty body"),
  unproven("http", "hello length ffffffff"),
  unproven("http", "update bad signature"),
  unproven("http", "update empty signature"),
  unproven("http", "update signed by another key"),
  unproven("http", "update own id"),
  unproven("http", "update unknown id, garbage signature (accepted)", "D05", UNKNOWN_OWNER),
  unproven("http", "update JSON list for unknown id (accepted)", "D32", UNKNOWN_OWNER),
  unproven("http", "update 4-byte timestamp"),
  {
    file: "http",
    name: "update compact JSON signed as sent",
    ours: { status: 200, body: "the state of srv" },
    defect: undefined,
    why: "We verify the text as it came; Python writes it anew and refuses what its owner signed.",
  },
  unproven("http", "peers bad signature"),
  unproven("http", "peers unknown id"),
  unproven(
    "http",
    "peers count 100000 without entries (parsed before the signature check)",
    "D12",
    "Python loops up to the count whatever came; ours is held against the bytes left.",
  ),
  unproven("http", "peers id without address-book entry but with state"),
  unproven("http", "data bad signature"),
  unproven("http", "data empty signature"),
  unproven("http", "data unknown id"),
  unproven("http", "data empty body"),

  unproven("http_whitelist", "hello wrong version"),
  unproven("http_whitelist", "update"),
  unproven("http_whitelist", "peers"),
  unproven("http_whitelist", "data"),
  unproven(
    "http_whitelist",
    "ping needs no whitelist",
    "D11",
    "Without an authentication code a PING counts only if it is exactly what the reference sends.",
  ),
];
