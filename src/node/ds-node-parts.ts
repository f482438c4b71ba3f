/** What a node stands on. */
import type { SignatureEngine } from "../crypto/signatures.ts";
import type { Settings } from "../protocol/index.ts";
import type { CredentialStore } from "../storage/credential-store.ts";
import type { PeerCache } from "../storage/peer-cache.ts";
import type { Carrier } from "../transport/carrier.ts";
import type { AnyType } from "../wire/native-type.ts";

/** What a node is built from besides its configuration. Tests swap these. */
export interface DSNodeParts {
  /** What brings messages to peers and back. */
  readonly carrier: Carrier<AnyType>;
  /** What keeps the identity and the keys of peers. */
  readonly store: CredentialStore;
  /** What keeps peers from one run to the next. @default a file beside the keys, if they are files */
  readonly peers?: PeerCache | undefined;
  /** What signs and verifies. @default the fastest that this machine has */
  readonly engine?: SignatureEngine | undefined;
  /** Times of the protocol that are not as usual. */
  readonly settings?: Partial<Settings> | undefined;
  /** What native peers may use with this node, such as `udp`: told in its signed HELLO. */
  readonly features?: readonly string[] | undefined;
  /** The wall clock, in Unix seconds with fractions; versions are made from it. */
  readonly unixSeconds?: (() => number) | undefined;
}
