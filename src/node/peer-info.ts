/** What one can know about a peer, as a picture of one moment. */
import { fingerprint } from "../crypto/identity.ts";
import type { Instant, Member, PeerStatus } from "../protocol/index.ts";
import { Endpoint } from "./endpoint.ts";

/** What is known of one node, as a picture of one moment: it does not change when the node does. */
export interface PeerInfo {
  /** Its name, unique in the network. It chose it: printable, but to be trusted no further. */
  readonly nodeId: string;
  /** True for this node itself. */
  readonly self: boolean;
  /** How it stands to us; `alive`, `busy`, `suspect`, `one-way` and `relayed` nodes are there. */
  readonly status: PeerStatus;
  /** Milliseconds that its program has done nothing else, while it is `busy`; as it says. */
  readonly busyMs: number | undefined;
  /** Why it is refused or down: a code of {@link ERRORS} and a sentence. */
  readonly reason: { readonly code: string; readonly message: string } | undefined;
  /** Where we call it; undefined while it has told no usable port. */
  readonly endpoint: Endpoint | undefined;
  /** Of its identity key, `SHA256:…`. */
  readonly fingerprint: string;
  /** True: it lists us. False: it does not, it cannot call us. Undefined: not known yet. */
  readonly seesUs: boolean | undefined;
  /** Milliseconds of the last probe there and back. */
  readonly rttMs: number | undefined;
  /** Its clock minus ours, in seconds, to about a second. */
  readonly clockOffsetSeconds: number | undefined;
  /** Number of keys in its state. */
  readonly keys: number;
  /** Size of its state in bytes. */
  readonly bytes: number;
  /** When it last wrote, on its clock. */
  readonly updatedAt: Date | undefined;
  /** It speaks the native protocol as well; false for Python peers. */
  readonly native: boolean;
  /** What it says it runs, e.g. `BaseHTTP/0.6 Python/3.11`; nobody vouches for it. */
  readonly implementation: string | undefined;
  /** Since when it has its status. */
  readonly since: Date;
}

export function toPeerInfo(member: Member, now: Instant): PeerInfo {
  const { replica, reason, endpoint } = member;
  const sinceSeconds = now.unixSeconds - (now.monotonicMs - member.sinceMs) / 1_000;
  return {
    nodeId: member.nodeId,
    self: false,
    status: member.status,
    busyMs:
      member.status !== "busy" || member.busySinceMs === undefined
        ? undefined
        : Math.round(now.monotonicMs - member.busySinceMs),
    reason: reason === undefined ? undefined : { code: reason.code, message: reason.message },
    endpoint: endpoint === undefined ? undefined : new Endpoint(endpoint.address, endpoint.port),
    fingerprint: fingerprint(member.publicKey),
    seesUs: member.seesUs,
    rttMs: member.rttMs,
    clockOffsetSeconds: member.clockOffsetSeconds,
    keys: replica?.entries.size ?? 0,
    bytes: replica?.bytes ?? 0,
    updatedAt: replica === undefined ? undefined : new Date(replica.version * 1_000),
    native: member.native !== undefined,
    implementation: member.server,
    since: new Date(sinceSeconds * 1_000),
  };
}
