/**
 * TLS of a session: both ends show that they have the network key, and nothing else counts.
 *
 * No certificates and no tickets: a ticket would let in who had the key once.
 * @module
 */
import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { connect, createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { SessionKey } from "../crypto/session-key.ts";
import { EXPORTER_BYTES, EXPORTER_LABEL } from "../wire/session-auth.ts";

/** An accepted connection on its way through TLS. */
export interface AcceptedTls {
  readonly socket: TLSSocket;
  /** It named our network key; whether it has it shows when the handshake succeeds. */
  readonly named: () => boolean;
  /** It named another one. */
  readonly strange: () => boolean;
}

export class SessionTls {
  readonly #key: SessionKey;
  readonly #context: SecureContext;

  constructor(key: SessionKey) {
    this.#key = key;
    this.#context = createSecureContext({
      ciphers: "TLS_AES_128_GCM_SHA256",
      minVersion: "TLSv1.3",
      maxVersion: "TLSv1.3",
      ecdhCurve: "X25519",
      secureOptions: constants.SSL_OP_NO_TICKET,
      // Nobody's certificate is good here, whatever the system trusts.
      ca: [],
    });
  }

  accept(raw: Socket): AcceptedTls {
    let asked: "ours" | "another" | undefined;
    const socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: this.#context,
      pskCallback: (_: unknown, identity: string) => {
        asked = identity === this.#key.identity ? "ours" : "another";
        return asked === "ours" ? this.#key.psk : null;
      },
      // Of the socket's own options, which those of the types do not know.
    } as ConstructorParameters<typeof TLSSocket>[1]);
    // Once the handshake is over, an accepted socket tells of forged bytes by this event alone.
    socket.on("_tlsError", (error: Error) => socket.destroy(error));
    return { socket, named: () => asked === "ours", strange: () => asked === "another" };
  }

  /** `secureConnect` is told only if the other side has our network key. */
  dial(raw: Socket): TLSSocket {
    const { psk, identity } = this.#key;
    return connect({
      socket: raw,
      secureContext: this.#context,
      pskCallback: () => ({ psk, identity }),
      // Called only where the other side showed a certificate in place of the key.
      checkServerIdentity: () => new Error("a certificate in place of the network key"),
    });
  }
}

/** What both ends of this connection know, and nobody else. */
export function exporterOf(socket: TLSSocket): Uint8Array {
  return socket.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL, Buffer.alloc(0));
}
