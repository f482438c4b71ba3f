/**
 * Sessions spoken frame by frame, to say what no node of ours would.
 * @module
 */
import { constants } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect, createSecureContext, type TLSSocket } from "node:tls";
import { deriveSessionKey } from "../../src/crypto/session-key.ts";
import type { Address } from "../../src/transport/carrier.ts";
import { decodeRefusal, encodeFrame, FrameKind } from "../../src/transport/session-frame.ts";
import { FrameReader, type FrameSink } from "../../src/transport/session-frame-reader.ts";
import type { SessionIdentity } from "../../src/transport/session-identity.ts";
import { exporterOf } from "../../src/transport/session-tls.ts";
import { askForSession } from "../../src/transport/session-upgrade.ts";
import {
  authSignedPart,
  encodeAuth,
  encodeAuthBody,
  type SessionRole,
} from "../../src/wire/session-auth.ts";

export interface RawKey {
  readonly psk: Uint8Array;
  readonly identity: string;
}

/** The connection after the answer 101. */
export function upgraded(to: Address): Promise<Socket> {
  return new Promise((resolve, reject) => {
    askForSession(to, resolve, ({ reason, detail }) => reject(new Error(`${reason}: ${detail}`)));
  });
}

/** TLS on an upgraded connection; rejects with what TLS says. */
export async function secured(
  raw: Socket,
  { psk, identity }: RawKey,
  session?: Buffer,
): Promise<TLSSocket> {
  const socket = connect({
    socket: raw,
    secureContext: createSecureContext({
      ciphers: "TLS_AES_128_GCM_SHA256",
      minVersion: "TLSv1.3",
      ecdhCurve: "X25519",
      secureOptions: constants.SSL_OP_NO_TICKET,
    }),
    pskCallback: () => ({ psk, identity }),
    checkServerIdentity: () => undefined,
    ...(session === undefined ? {} : { session }),
  });
  await once(socket, "secureConnect");
  socket.on("error", () => undefined);
  return socket;
}

/** What came in a session, and what a test sends into it. */
export class RawSession implements FrameSink {
  /** `kind id`, with the status of a refusal. */
  readonly seen: string[] = [];
  readonly contents: Uint8Array[] = [];
  sliceBytes = 0;
  closed = false;
  readonly socket: TLSSocket;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    const reader = new FrameReader(this);
    socket.on("data", (chunk: Uint8Array) => reader.read(chunk));
    socket.once("close", () => {
      this.closed = true;
    });
  }

  send(kind: FrameKind, id = 0, content: Uint8Array = new Uint8Array(0)): void {
    this.socket.write(encodeFrame(kind, id, content));
  }

  onFrame(kind: number, id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const content = bytes.slice(start, end);
    const refusal = kind === FrameKind.REFUSAL ? ` ${decodeRefusal(content)?.status}` : "";
    this.seen.push(`${kind} ${id}${refusal}`);
    this.contents.push(content);
    return true;
  }

  onSlice(_: Uint8Array, start: number, end: number): boolean {
    this.sliceBytes += end - start;
    return true;
  }

  onMalformed(why: string): void {
    throw new Error(why);
  }
}

/** The AUTH of an identity for a connection, or for whatever exporter a test likes better. */
export function authOf(
  identity: SessionIdentity,
  socket: TLSSocket,
  more: {
    readonly role?: SessionRole;
    readonly exporter?: Uint8Array;
    readonly versionMin?: number;
    readonly versionMax?: number;
  } = {},
): Uint8Array {
  const { role = "dialler", exporter = exporterOf(socket), versionMin = 1 } = more;
  const { versionMax = Math.max(1, versionMin) } = more;
  const body = encodeAuthBody({ ...identity, versionMin, versionMax });
  return encodeAuth(body, identity.sign(authSignedPart(role, body, exporter)));
}

/** A session in which a test speaks for the dialler, proved and let in. */
export async function dialled(
  to: Address,
  networkKey: Uint8Array | undefined,
  identity: SessionIdentity,
): Promise<RawSession> {
  const socket = await secured(await upgraded(to), deriveSessionKey(networkKey));
  const session = new RawSession(socket);
  session.send(FrameKind.AUTH, 0, authOf(identity, socket));
  session.send(FrameKind.READY);
  while (!session.seen.includes(`${FrameKind.READY} 0`)) {
    if (session.closed) throw new Error(`refused: ${session.seen.join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return session;
}
