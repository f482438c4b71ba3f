/** Everything that can happen to a core, and everything it can ask for. Plain data. */
import type { SignatureScheme } from "../crypto/signatures.ts";
import type { DsnError } from "../errors.ts";
import type { Address, Outcome, ProvenPeer, Reply, Target } from "../wire/exchange.ts";
import type { AnyType } from "../wire/native-type.ts";
import type { CoreEvent } from "./event.ts";
import type { RememberedPeer } from "./peer-memory.ts";

/** One moment on both clocks. */
export interface Instant {
  /** Never steps back: what time-outs are measured with. Milliseconds from any origin. */
  readonly monotonicMs: number;
  /** The wall clock that versions are made from. It may step; Unix seconds with fractions. */
  readonly unixSeconds: number;
}

/** Something that happened outside. */
export type Input =
  /** The port is bound: join through these nodes. */
  | { readonly kind: "start"; readonly bootstrap: readonly Address[] }
  /** The application changed its state; `undefined` deletes a key. */
  | { readonly kind: "write"; readonly changes: ReadonlyMap<string, string | undefined> }
  /** The turn of the event loop is over: make one version of all its writes. */
  | { readonly kind: "flush" }
  /** `wakeAt` has come. */
  | { readonly kind: "wake" }
  /** A request came in. Answer with the `respond` effect of the same exchange. */
  | {
      readonly kind: "request";
      readonly exchange: number;
      readonly type: AnyType;
      readonly payload: Uint8Array;
      /** IP address of the sender. */
      readonly from: string;
      /** Whose session brought it; undefined for all else. */
      readonly peer?: ProvenPeer | undefined;
    }
  /** The reply to a request of ours, or its failure. */
  | { readonly kind: "reply"; readonly exchange: number; readonly reply: Reply }
  | { readonly kind: "signed"; readonly operation: number; readonly signature: Uint8Array }
  | { readonly kind: "verified"; readonly operation: number; readonly valid: boolean }
  /** A kept connection was closed by the other side: perhaps its process died. */
  | { readonly kind: "connection-lost"; readonly to: Address }
  /** The last session with a node ended, and not by us: perhaps its process died. */
  | { readonly kind: "session-lost"; readonly peer: ProvenPeer }
  /** Somebody called who does not hold our network key. */
  | { readonly kind: "stranger"; readonly from: string }
  /** The application sends bytes to a node; the effect `settled` of the same operation answers. */
  | {
      readonly kind: "send";
      readonly operation: number;
      readonly to: string;
      readonly data: Uint8Array;
      /** Total time in milliseconds, or `undefined` for one that fits the size. */
      readonly timeoutMs: number | undefined;
    }
  /** The node is to stop: its last writes go out, and goodbye is said. The effect `left` ends it. */
  | { readonly kind: "leave" }
  /** The operator wants the pinned key of a node forgotten. */
  | { readonly kind: "forget"; readonly nodeId: string };

/** Something the core wants done. Effects are carried out in order. */
export type Effect =
  /** Send one message, which does not change any more, to all targets; encode and seal it once. */
  | {
      readonly kind: "request";
      readonly targets: readonly { readonly exchange: number; readonly to: Target }[];
      readonly type: AnyType;
      /** Goes before the payload, if there is one: see `Message`. */
      readonly head: Uint8Array | undefined;
      readonly payload: Uint8Array;
      readonly timeoutMs: number;
      /** See the options of a carrier's request. */
      readonly patienceMs: number | undefined;
      readonly answerBytesMax: number;
    }
  | { readonly kind: "respond"; readonly exchange: number; readonly outcome: Outcome }
  | {
      readonly kind: "sign";
      readonly operation: number;
      readonly scheme: SignatureScheme;
      readonly message: Uint8Array;
      /** 32 bytes that keep two signatures of one message apart. */
      readonly entropy: Uint8Array;
    }
  | {
      readonly kind: "verify";
      readonly operation: number;
      readonly publicKey: Uint8Array;
      readonly scheme: SignatureScheme;
      readonly message: Uint8Array;
      readonly signature: Uint8Array;
    }
  /** Remember for ever that this key owns this id. */
  | { readonly kind: "pin"; readonly nodeId: string; readonly publicKey: Uint8Array }
  /** Remember for ever that this node is native: the weaker wire is not for it any more. */
  | { readonly kind: "pin-native"; readonly nodeId: string }
  | { readonly kind: "unpin"; readonly nodeId: string }
  /** Remember that versions up to this one may have been shown. */
  | { readonly kind: "mark"; readonly version: number }
  /** Whom to look for after a restart, in place of what was said before; newest first. */
  | { readonly kind: "remember"; readonly peers: readonly RememberedPeer[] }
  /** End the sessions with a node: what came on one of them was not true. */
  | { readonly kind: "end-session"; readonly nodeId: string }
  /**
   * The node at this endpoint has told, signed, whether it also takes datagrams, and sessions: whose
   * end shows the end of its process, so that no HTTP connection has to.
   */
  | {
      readonly kind: "datagrams";
      readonly to: Address;
      readonly speaks: boolean;
      readonly sessions: boolean;
    }
  /** Step `flush` after the code that runs now; when one turn asks again, at the end of that turn. */
  | { readonly kind: "flush-soon" }
  /** For the application; told after the step, never inside it. */
  | { readonly kind: "event"; readonly event: CoreEvent }
  /** The end of a `send`. */
  | {
      readonly kind: "settled";
      readonly operation: number;
      readonly error: DsnError | undefined;
    }
  /** All that was to be said before the end has been said. */
  | { readonly kind: "left" }
  /** A mistake of ours: the flow that met it ended, the node goes on. */
  | { readonly kind: "fault"; readonly error: unknown };
