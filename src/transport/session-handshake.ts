/**
 * What comes first on a session: each side says who it is, and is let in or not.
 *
 *     both      AUTH
 *     acceptor  READY, when the dialler has proved itself; or REFUSAL
 *     dialler   READY, when the acceptor has proved itself and let us in; or REFUSAL
 *
 * The dialler's requests may follow its READY at once, in the same write.
 * @module
 */
import type { TLSSocket } from "node:tls";
import { MalformedError } from "../errors.ts";
import type { ProvenPeer, Target } from "../wire/exchange.ts";
import {
  authSignedPart,
  type DecodedAuth,
  decodeAuth,
  encodeAuth,
  encodeAuthBody,
  type SessionRole,
} from "../wire/session-auth.ts";
import type { FailureReason } from "./carrier.ts";
import {
  decodeRefusal,
  encodeFrame,
  encodeRefusal,
  FRAME_BYTES_MAX,
  FrameKind,
  HANDSHAKE_FRAME_BYTES_MAX,
} from "./session-frame.ts";
import { FrameReader, type FrameSink } from "./session-frame-reader.ts";
import { SESSION_VERSIONS, type SessionIdentity } from "./session-identity.ts";
import { exporterOf } from "./session-tls.ts";

/** How it ended. */
export type HandshakeResult =
  /** `reader` goes on with what has come already: give it a sink. */
  | { readonly kind: "live"; readonly peer: ProvenPeer; readonly reader: FrameReader }
  /** The other side does not let us in. */
  | { readonly kind: "refused"; readonly status: number; readonly text: string }
  | { readonly kind: "failed"; readonly reason: FailureReason; readonly detail: string };

export interface HandshakeOptions {
  readonly role: SessionRole;
  readonly identity: SessionIdentity;
  /** Who must be at the other end; undefined for anybody who is let in. */
  readonly expected: Target["peer"];
  /** Something of `identity` threw: a bug of ours. */
  readonly onFault: (error: unknown) => void;
  /** Called exactly once. The socket is closed by whoever hears of a failure. */
  readonly onResult: (result: HandshakeResult) => void;
}

const NOTHING = new Uint8Array(0);

/** On a connection that has been secured. */
export class SessionHandshake implements FrameSink {
  readonly #socket: TLSSocket;
  readonly #options: HandshakeOptions;
  readonly #exporter: Uint8Array;
  readonly #reader: FrameReader;
  #peer: ProvenPeer | undefined;
  #done = false;

  constructor(socket: TLSSocket, options: HandshakeOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#exporter = exporterOf(socket);
    this.#reader = new FrameReader(this);
    this.#reader.frameBytesMax = HANDSHAKE_FRAME_BYTES_MAX;
  }

  /** Sends our AUTH, and takes what comes. */
  start(): void {
    const { role, identity } = this.#options;
    const body = encodeAuthBody({
      ...identity,
      versionMin: SESSION_VERSIONS.min,
      versionMax: SESSION_VERSIONS.max,
    });
    const signature = identity.sign(authSignedPart(role, body, this.#exporter));
    this.#send(FrameKind.AUTH, encodeAuth(body, signature));
    this.#socket.on("data", (chunk: Uint8Array) => this.#read(chunk));
  }

  #read(chunk: Uint8Array): void {
    try {
      this.#reader.read(chunk);
    } catch (error) {
      this.#fail("unreachable", "it could not be checked here");
      this.#options.onFault(error);
    }
  }

  onFrame(kind: number, id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const content = bytes.subarray(start, end);
    if (kind === FrameKind.AUTH && this.#peer === undefined) return this.#onAuth(content);
    if (kind === FrameKind.READY && this.#peer !== undefined) return this.#onReady(this.#peer);
    if (kind === FrameKind.REFUSAL && id === 0) return this.#onRefusal(content);
    return this.#fail("not-dsn", `frame ${kind} came out of turn`);
  }

  onSlice(): boolean {
    return this.#fail("not-dsn", "a slice came out of turn");
  }

  onMalformed(why: string): void {
    this.#fail("not-dsn", why);
  }

  #onAuth(content: Uint8Array): boolean {
    let decoded: DecodedAuth;
    try {
      decoded = decodeAuth(content);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return this.#fail("not-dsn", error.message);
    }
    const { auth, body, signature } = decoded;
    const { role, identity } = this.#options;
    const message = authSignedPart(
      role === "dialler" ? "acceptor" : "dialler",
      body,
      this.#exporter,
    );
    if (!identity.verify(auth.publicKey, message, signature)) {
      return this.#refuse(401, "The signature of the session does not verify");
    }
    const { min, max } = SESSION_VERSIONS;
    if (auth.versionMax < min || auth.versionMin > max) {
      const theirs = `${auth.versionMin} to ${auth.versionMax}`;
      return this.#refuse(505, `Session version mismatch ${theirs} != ${min} to ${max}`);
    }
    return this.#onProven({
      nodeId: auth.nodeId,
      publicKey: auth.publicKey.slice(),
      incarnation: Buffer.from(auth.incarnation).toString("hex"),
    });
  }

  #onProven(peer: ProvenPeer): boolean {
    const { role, identity, expected } = this.#options;
    if (expected !== undefined && !isExpected(peer, expected)) {
      return this.#fail("unreachable", `another node is there: "${peer.nodeId}"`);
    }
    if (isOurselves(peer, identity)) return this.#fail("unreachable", "that is this node itself");
    const refusal = identity.admit(peer);
    if (refusal !== undefined) return this.#refuse(refusal.status, refusal.text);
    this.#peer = peer;
    if (role === "acceptor") this.#send(FrameKind.READY, NOTHING);
    return true;
  }

  #onReady(peer: ProvenPeer): boolean {
    if (this.#options.role === "dialler") this.#send(FrameKind.READY, NOTHING);
    this.#reader.frameBytesMax = FRAME_BYTES_MAX;
    this.#socket.removeAllListeners("data");
    this.#end({ kind: "live", peer, reader: this.#reader });
    return true;
  }

  #onRefusal(content: Uint8Array): boolean {
    const refusal = decodeRefusal(content);
    if (refusal === undefined) return this.#fail("not-dsn", "a refusal without a status");
    return this.#end({ kind: "refused", ...refusal });
  }

  #refuse(status: number, text: string): boolean {
    this.#send(FrameKind.REFUSAL, encodeRefusal(status, text));
    return this.#fail("unreachable", `refused here: ${text}`);
  }

  #fail(reason: FailureReason, detail: string): boolean {
    return this.#end({ kind: "failed", reason, detail });
  }

  #end(result: HandshakeResult): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#options.onResult(result);
    return false;
  }

  #send(kind: FrameKind, content: Uint8Array): void {
    this.#socket.write(encodeFrame(kind, 0, content));
  }
}

function isExpected(peer: ProvenPeer, expected: NonNullable<Target["peer"]>): boolean {
  return (
    peer.nodeId === expected.nodeId && Buffer.compare(peer.publicKey, expected.publicKey) === 0
  );
}

function isOurselves(peer: ProvenPeer, identity: SessionIdentity): boolean {
  return (
    Buffer.compare(peer.publicKey, identity.publicKey) === 0 &&
    peer.incarnation === Buffer.from(identity.incarnation).toString("hex")
  );
}
