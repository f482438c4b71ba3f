/**
 * The table of errors: the one source of codes, of exit statuses, and of `docs/errors.md`.
 *
 * A code never changes its meaning and never leaves the table. A new one gets a line for each
 * question that a person has who meets it; then `npm run docs` writes the page again.
 * @module
 */

/** Who must act: the caller of this library, the operator of the network, or a peer. */
export type ErrorFamily = "usage" | "network" | "peer";

/**
 * Where an error is met.
 *
 * - `start`: making or starting a node throws it.
 * - `call`: a method of a node throws it, or its promise is rejected with it.
 * - `warning`: the event `warning` brings it, and the node goes on.
 * - `reason`: it is why a peer is not there: `peerInfo().reason`, `peer:leave`, `peer:status`, and
 *   the `causes` of `DSN_NO_BOOTSTRAP`; or why nobody is: the event `isolated`.
 * - `command`: the `dsn` command tells it; the library never does.
 */
export type ErrorPlace = "start" | "call" | "warning" | "reason" | "command";

/** What there is to know of one code. */
export interface ErrorEntry {
  /** Who must act. */
  readonly family: ErrorFamily;
  /** What the command line exits with when this error ends it. */
  readonly exit: number;
  /** Where it is met, most often first. */
  readonly met: readonly ErrorPlace[];
  /** What has happened: one sentence without its full stop. */
  readonly says: string;
  /** What is usually behind it, most often first. */
  readonly causes: readonly string[];
  /** What to do about it, most likely first. The error itself says it with names and numbers. */
  readonly fix: readonly string[];
}

export const ERROR_TABLE = {
  // ---- the caller -----------------------------------------------------------------------------

  DSN_CONFIG: {
    family: "usage",
    exit: 2,
    met: ["start", "call", "warning"],
    says: "A setting has a value that cannot be used",
    causes: [
      "a field is misspelled, has the wrong type, or is out of its range",
      "an address is not `host:port`, or `[address]:port` for IPv6",
      "two node ids differ in case only, and the file system of the credentials folder does not",
    ],
    fix: [
      "the message names the field, its value and the rule: set a value that fits",
      "a node id of your own is letters, digits, `.`, `_` and `-`, at most 64, and not dots only",
    ],
  },
  DSN_KEY_FORMAT: {
    family: "usage",
    exit: 2,
    met: ["start"],
    says: "That is not a network key",
    causes: [
      "the key has another length: it is 32 hex digits (16 bytes), not 64",
      "the text is a passphrase, base64, or the name of a file",
    ],
    fix: [
      "use the same key as the other nodes of the network",
      "for a new network: `dsn keygen --out network.key`, or `DSNodeServer.generateKey()`",
    ],
  },
  DSN_VALUE_TYPE: {
    family: "usage",
    exit: 2,
    met: ["call", "start"],
    says: "Keys and values of a state are strings",
    causes: [
      "a number, boolean, object or `null` was written to the state",
      "something else than a string or a `Uint8Array` was sent",
    ],
    fix: ["write `String(value)` or `JSON.stringify(value)`; nothing was changed"],
  },
  DSN_STATE_TOO_LARGE: {
    family: "usage",
    exit: 2,
    met: ["call", "start"],
    says: "The state would pass its size limit",
    causes: [
      "the whole state would be over 8 MiB as JSON, which every node would hold a copy of",
      "one key is longer than 1,024 bytes of UTF-8",
    ],
    fix: [
      "keep large data elsewhere and share a link to it; nothing was changed",
      "send it to those who need it with `sendToNode()`",
      "delete keys that nobody reads any more",
    ],
  },
  DSN_MESSAGE_TOO_LARGE: {
    family: "usage",
    exit: 2,
    met: ["call"],
    says: "The message passes its size limit",
    causes: ["the payload is over 64 MiB"],
    fix: ["send it in parts; nothing was sent"],
  },
  DSN_DATA_AMBIGUOUS: {
    family: "usage",
    exit: 2,
    met: ["call"],
    says: "The payload, once signed, could be passed off as a state of this node",
    causes: [
      "the bytes read as a state packet of the Python wire, whose signatures do not say what kind of message they are for",
      "a member handed this node the bytes to forward, in order to get them signed",
    ],
    fix: [
      "put one byte in front of the payload, and take it off at the receiver",
      "do not forward bytes as they came",
    ],
  },
  DSN_UNKNOWN_NODE: {
    family: "usage",
    exit: 3,
    met: ["call"],
    says: "There is no such node in the network",
    causes: [
      "the id is misspelled",
      "the node has not joined yet, or has left",
      "this node itself has not joined yet",
    ],
    fix: [
      "compare the id with `peers()`",
      "wait for the node first: `await node.waitForPeers([id])`",
    ],
  },
  DSN_STOPPED: {
    family: "usage",
    exit: 1,
    met: ["call", "start"],
    says: "This node has been stopped",
    causes: [
      "`stop()` was called, or the signal was aborted, while something was under way or before it",
      "the node was made with `new DSNodeServer()` and never started",
    ],
    fix: ["start a new one with `DSNodeServer.start()`; a stopped node does not start again"],
  },
  DSN_PORT_IN_USE: {
    family: "usage",
    exit: 8,
    met: ["start"],
    says: "Another process listens on that port",
    causes: ["the same node runs already", "another service has the port"],
    fix: [
      "take another port, or 0 for any free one (`dsn start --port 0`)",
      'find the process: `ss -ltnp "sport = :8000"`',
    ],
  },
  DSN_CANNOT_LISTEN: {
    family: "usage",
    exit: 8,
    met: ["start"],
    says: "The address cannot be listened on",
    causes: [
      "`bind` is an address that this machine does not have",
      "the port is below 1024 and this user may not have it",
      "`bind` is an IPv6 address and this machine has no IPv6",
    ],
    fix: [
      "leave `bind` out, or set it to an address that `ip address` shows",
      "take a port from 1024 to 65535",
    ],
  },
  DSN_IDENTITY_UNREADABLE: {
    family: "usage",
    exit: 1,
    met: ["start", "warning"],
    says: "The identity of this node cannot be read or written",
    causes: [
      "the credentials folder belongs to another user, or is on a read-only or full disk",
      "the private key in it is cut off, or is no key",
    ],
    fix: [
      "let the user that runs the node own, read and write the folder, and make room on the disk",
      "put the key file back from a backup",
      "or move it away: a new identity is made, which peers refuse until they forget the old one",
    ],
  },
  DSN_PEER_CACHE: {
    family: "usage",
    exit: 1,
    met: ["warning"],
    says: "The list of peers known from before cannot be read or written",
    causes: [
      "`<id>.peers` in the credentials folder was damaged or edited; it counts as empty then",
      "the folder belongs to another user, or is on a read-only or full disk",
    ],
    fix: [
      "a damaged list needs nothing: it is written anew when the node has met its peers",
      "let the user that runs the node write to the folder, and make room on the disk",
      "or do without: `peerCache: false`, `dsn start --no-peer-cache`",
    ],
  },
  DSN_CALLBACK_FAILED: {
    family: "usage",
    exit: 1,
    met: ["warning"],
    says: "A callback of the application threw",
    causes: ["a listener or callback threw, or its promise was rejected; the node is not harmed"],
    fix: ["catch the error inside the callback; `error.cause` has it"],
  },

  // ---- the network ----------------------------------------------------------------------------

  DSN_KEY_REFUSED: {
    family: "network",
    exit: 4,
    met: ["reason", "warning", "call"],
    says: "The peer's network key is not ours",
    causes: [
      "the two machines have different keys: one was made anew, or copied from another network",
      "the peer uses a network key and this node was started without one",
    ],
    fix: [
      "compare key ids, which are safe to show: `node.keyId`, or the line `encryption` of `dsn start`",
      "start both with the same file: `--key-file network.key`",
    ],
  },
  DSN_KEY_UNEXPECTED: {
    family: "network",
    exit: 4,
    met: ["reason", "warning", "call"],
    says: "We use a network key, the peer none",
    causes: ["the peer was started without a key, and read our sealed message as plain text"],
    fix: ["give that network a key, on every node", "or start this node without one"],
  },
  DSN_KEY_STRANGER: {
    family: "network",
    exit: 4,
    met: ["warning"],
    says: "Somebody calls this node without its network key",
    causes: [
      "a node with another key, or none, has this node's address among its bootstrap nodes",
      "a port scanner, or somebody who guesses",
    ],
    fix: [
      "compare key ids on both machines, if that one should be a member",
      "else keep it from calling this port",
    ],
  },
  DSN_VERSION_MISMATCH: {
    family: "network",
    exit: 4,
    met: ["reason", "warning"],
    says: "The peer speaks another protocol version",
    causes: ["nodes talk to exactly the same protocol version, and one side is newer"],
    fix: ["update the older side; `dsn version` shows the protocol"],
  },
  DSN_NOT_WHITELISTED: {
    family: "network",
    exit: 4,
    met: ["reason", "warning"],
    says: "A whitelist does not let us in, or ours not the peer",
    causes: [
      "the peer has a whitelist without this node's id, or this node has one without the peer's",
      "the id is misspelled on the whitelist, or on the command line of the node",
      "the whitelist names another fingerprint: the node has a new identity",
    ],
    fix: [
      "the message says whose whitelist: add the id to `whitelistNodeIds` there and restart that node",
      "compare fingerprints: `node.fingerprint`, or the line `identity` of `dsn start`",
    ],
  },
  DSN_WHITELIST_UNPINNED: {
    family: "network",
    exit: 4,
    met: ["warning"],
    says: "A whitelisted name can still be taken by the first key that claims it",
    causes: ["the whitelist names an id without a fingerprint, and that node was never met"],
    fix: ["write `id=SHA256:…` with the fingerprint that the node shows at its start"],
  },
  DSN_IDENTITY_REFUSED: {
    family: "network",
    exit: 4,
    met: ["reason", "warning", "call"],
    says: "The peer knows another identity under our name",
    causes: [
      "this machine was reinstalled, or its credentials folder deleted or not mounted",
      "another node of the network has, or had, the same id",
    ],
    fix: [
      "if this is the node of that name: call `forgetIdentity(id)` on the peer, or delete `<id>.pub` in its credentials folder and restart it",
      "if another node has the name: give one of the two another id",
      "keep the credentials folder on a disk that outlives the container",
    ],
  },
  DSN_PEER_IDENTITY_CHANGED: {
    family: "network",
    exit: 4,
    met: ["warning", "reason"],
    says: "A peer came back with another identity",
    causes: [
      "that machine was reinstalled, or lost its credentials folder",
      "somebody with the network key uses its name",
    ],
    fix: [
      "if it was reinstalled: `forgetIdentity(id)` here",
      "if not: make a new network key and look for the machine at the address in the message",
    ],
  },
  DSN_NATIVE_DOWNGRADE: {
    family: "network",
    exit: 4,
    met: ["warning", "reason"],
    says: "A peer that used sessions came back without them",
    causes: [
      "that machine runs another implementation of the network under the same identity now",
      "somebody on the way removes what shows that it can do better",
    ],
    fix: [
      "if it runs another implementation now: `forgetIdentity(id)` here",
      "if not: look for what stands between the two machines",
    ],
  },
  DSN_DUPLICATE_IDENTITY: {
    family: "network",
    exit: 4,
    met: ["warning", "reason"],
    says: "Two live nodes use the same identity or name",
    causes: [
      "a machine or container was cloned together with its credentials folder",
      "the same node runs twice with one credentials folder",
      "two machines were given the same id",
    ],
    fix: [
      "stop one of them",
      "give a clone a new identity: delete its credentials folder, and choose another id",
    ],
  },
  DSN_SELF: {
    family: "network",
    exit: 5,
    met: ["reason"],
    says: "We called ourselves",
    causes: [
      "an address of this node stands among its bootstrap nodes, which does no harm",
      "another node has our id",
    ],
    fix: ["remove the address from the bootstrap nodes", "or give one of the two another id"],
  },
  DSN_NOT_DSN: {
    family: "network",
    exit: 5,
    met: ["reason", "call"],
    says: "Another service answers there",
    causes: [
      "the port belongs to a web server, a proxy or a captive portal",
      "a TLS proxy stands in front of the node",
      "a node with another key answers, and what it says does not open with ours",
    ],
    fix: ["check the address and the port", "let the port through to the node as it is, as TCP"],
  },
  DSN_UNREACHABLE: {
    family: "network",
    exit: 5,
    met: ["reason", "call"],
    says: "The peer did not answer",
    causes: [
      "the node does not run, or listens on another port (connection refused)",
      "a firewall or a container without a published port drops the packets (no answer in time)",
      "the host name has no address, or there is no route",
      "the node is paused or overloaded",
      "it takes less than it is sent: 8 MiB of small messages or 128 MiB of large ones were on their way for too long",
    ],
    fix: [
      "check that the node runs and that its address and port are right; trying goes on by itself",
      "let TCP through on the way: firewall, security group, published container port",
      "wait for messages to that node to be taken before you send more",
    ],
  },
  DSN_NO_BOOTSTRAP: {
    family: "network",
    exit: 5,
    met: ["warning"],
    says: "No bootstrap node let us in yet",
    causes: [
      "none of them runs yet: start order does not matter, this node keeps trying",
      "each refused or did not answer for a reason of its own, which `error.causes` has",
    ],
    fix: ["start one of them", "else do what the fixes of `error.causes` say"],
  },
  DSN_ISOLATED: {
    family: "network",
    exit: 5,
    met: ["reason"],
    says: "No other node is reached any more",
    causes: [
      "the network of this machine is down, or it is on another one now",
      "all other nodes have stopped",
      "nobody was reached since the start: the warning `DSN_NO_BOOTSTRAP` says why",
    ],
    fix: [
      "check the network of this machine; the node keeps trying and joins again by itself",
      "else do what the fixes of `error.causes` say",
    ],
  },
  DSN_UDP_BLOCKED: {
    family: "network",
    exit: 5,
    met: ["warning"],
    says: "Datagrams do not get through to a peer; HTTP does, and is used",
    causes: ["a firewall or a container lets TCP through and not UDP"],
    fix: [
      "let UDP through on the same port number",
      "or turn datagrams off with `udp: false`; nothing is lost but some speed",
    ],
  },
  DSN_UDP_UNAVAILABLE: {
    family: "network",
    exit: 8,
    met: ["warning"],
    says: "The UDP port cannot be had; HTTP is used alone",
    causes: ["another process has the UDP port of the same number"],
    fix: [
      'find the process: `ss -lunp "sport = :8000"`',
      "use another port",
      "or do without datagrams: `udp: false`",
    ],
  },
  DSN_WORKER_LOST: {
    family: "network",
    exit: 1,
    met: ["warning"],
    says: "The worker that answers probes while the program is busy is not there",
    causes: [
      "the program is bundled, and the file of the worker is not beside it",
      "the process may start no threads",
    ],
    fix: [
      "nothing, if the program never blocks for three seconds: the node goes on without",
      "keep `dist/transport/udp-worker.js` where the package has it",
      "or turn it off: `thread: false`",
    ],
  },
  DSN_ONE_WAY: {
    family: "network",
    exit: 5,
    met: ["warning", "reason", "call"],
    says: "We reach the peer, it cannot reach us",
    causes: [
      "a firewall, NAT or container lets this node call out and nobody call in",
      "this node advertises an address that the peer has no route to",
      "the port outside a container is not the port inside",
    ],
    fix: [
      "open this node's TCP port to that machine; publish the same number outside as inside",
      "set `networkIp` (`--advertise`) to an address that the peer can reach",
      "behind NAT: connect both machines with Tailscale or WireGuard",
    ],
  },
  DSN_CLOCK_BEHIND: {
    family: "network",
    exit: 5,
    met: ["warning"],
    says: "A peer holds a state of ours that is newer than our clock",
    causes: ["the clock of this machine was set back, or has no battery and no time service yet"],
    fix: ["set the clock (`timedatectl set-ntp true`); changes arrive again when it has caught up"],
  },
  DSN_DELIVERY_UNKNOWN: {
    family: "network",
    exit: 6,
    met: ["call"],
    says: "The peer may or may not have received the message",
    causes: [
      "the connection broke, or time ran out, after the message was on its way and before the answer",
    ],
    fix: [
      "ask the receiver, or make the message harmless to repeat and send it again",
      "give a large message over a slow line a longer `timeout`",
    ],
  },
  DSN_TIMEOUT: {
    family: "network",
    exit: 6,
    met: ["call"],
    says: "What was waited for did not happen in time",
    causes: [
      "the peer has not joined, or has not written the key yet",
      "a key or an id is misspelled",
    ],
    fix: ["look at `peerInfo()` for the reason", "give it a longer `timeout`, or 0 for no limit"],
  },

  // ---- a peer ---------------------------------------------------------------------------------

  DSN_REFUSED: {
    family: "peer",
    exit: 5,
    met: ["reason", "call"],
    says: "The peer answered with an error",
    causes: [
      "the peer failed inside (HTTP 500), or has just started and is not ready yet",
      "the peer is stopping, or has no room for more at present (503)",
      "the address has passed to another node of the network",
    ],
    fix: [
      "look at that node; one of this package says more when it runs with NODE_DEBUG=dsn",
      "or wait: trying goes on by itself; what was sent with a call, send again",
    ],
  },
  DSN_MALFORMED: {
    family: "peer",
    exit: 5,
    met: ["warning"],
    says: "The bytes are not a DSN message",
    causes: [
      "a peer sent something cut off, or an id or key that no node may have",
      "a program that is no node sends to this port",
    ],
    fix: ["nothing here: it was refused. Update or restart the peer"],
  },
  DSN_BAD_SIGNATURE: {
    family: "peer",
    exit: 4,
    met: ["warning", "reason"],
    says: "The signature does not belong to the key known for that node",
    causes: [
      "a third party between the two machines changes or repeats messages",
      "the peer's key on disk was replaced while it ran",
    ],
    fix: ["look for a third party between the two machines", "restart that node"],
  },
  DSN_PEER_LIMIT: {
    family: "peer",
    exit: 5,
    met: ["warning", "reason", "call"],
    says: "A peer passed a limit of this node",
    causes: [
      "all copies of states together would pass 1 GiB or a quarter of the heap, members 4,095, or stored keys 10,000",
      "an answer is larger than its kind allows",
    ],
    fix: [
      "find the node that publishes too much: `peerInfo()` has `bytes`",
      "forget nodes that are gone for good: `forgetIdentity(id)`",
    ],
  },

  // ---- the command line -----------------------------------------------------------------------

  DSN_USAGE: {
    family: "usage",
    exit: 2,
    met: ["command"],
    says: "The command line cannot be understood",
    causes: [
      "an option or command is misspelled, or lacks its value",
      "a network key was given as an argument, where other users of the machine can read it",
    ],
    fix: ["see what there is: `dsn --help`, `dsn start --help`"],
  },
  DSN_FILE: {
    family: "usage",
    exit: 1,
    met: ["command"],
    says: "A file cannot be read or written",
    causes: ["the path is wrong, the user may not, or the disk is full or read-only"],
    fix: ["check the path and its permissions"],
  },
  DSN_FILE_EXISTS: {
    family: "usage",
    exit: 8,
    met: ["command"],
    says: "The file is there already",
    causes: ["`dsn keygen --out` does not replace a key that a network may be using"],
    fix: ["write elsewhere", "or replace it: `dsn keygen --out network.key --force`"],
  },
  DSN_KEY_FILE_SHARED: {
    family: "usage",
    exit: 1,
    met: ["command"],
    says: "Others on this machine can read the key file",
    causes: ["the file was copied or written with the usual mode, 0644; the node starts anyway"],
    fix: ["`chmod 600 network.key`"],
  },
  DSN_UNEXPECTED: {
    family: "usage",
    exit: 1,
    met: ["command"],
    says: "This should not happen",
    causes: ["a defect of this program"],
    fix: ["report it with its text, and with what `NODE_DEBUG=dsn` prints"],
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
