/**
 * The yardstick: a full mesh of TLS sockets of Node that carries the same values and messages, and
 * does nothing else. No signatures, no membership, no repeats, no answers to values. What it costs
 * is what this runtime costs.
 * @module
 */
import { createHash } from "node:crypto";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import type { Setup } from "./commands.ts";
import { FrameKind, FrameReader, frameHeader } from "./frames.ts";
import { type OnValue, type OpenPeer, type Peer, VALUE_LENGTH } from "./peer.ts";

const HOST = "127.0.0.1";
const PSK_IDENTITY = "bench";
const TLS_OPTIONS = {
  ciphers: "TLS_AES_128_GCM_SHA256",
  minVersion: "TLSv1.3",
  maxVersion: "TLSv1.3",
} as const;

/** Brings the frame of a value to about 60 bytes: a value alone would have neither key nor version. */
const VALUE_FILLING = Buffer.alloc(31);

const NOTHING = Buffer.alloc(0);

export function openBarePeer(setup: Setup, onValue: OnValue): Promise<OpenPeer> {
  const psk = createHash("sha256").update(setup.networkKey).digest();
  const server = createServer({ ...TLS_OPTIONS, pskCallback: () => psk });
  const peer = new BarePeer(setup.index, psk, server, onValue);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, HOST, () => {
      const { port } = server.address() as AddressInfo;
      resolve({ peer, port });
    });
  });
}

class BarePeer implements Peer {
  readonly #index: number;
  readonly #psk: Buffer;
  readonly #server: Server;
  readonly #onValue: OnValue;
  readonly #sockets = new Map<number, TLSSocket>();
  readonly #sends = new Map<number, () => void>();
  #lastSend = 0;
  #onSocket: () => void = () => undefined;

  constructor(index: number, psk: Buffer, server: Server, onValue: OnValue) {
    this.#index = index;
    this.#psk = psk;
    this.#server = server;
    this.#onValue = onValue;
    server.on("secureConnection", (socket) => this.#read(socket));
  }

  write(value: string): void {
    const payload = Buffer.concat([Buffer.from(value, "latin1"), VALUE_FILLING]);
    const frame = Buffer.concat([frameHeader(FrameKind.VALUE, 0, payload.length), payload]);
    for (const socket of this.#sockets.values()) send(socket, frame);
  }

  send(to: number, data: Uint8Array): Promise<void> {
    const socket = this.#sockets.get(to);
    if (socket === undefined) return Promise.reject(new Error(`no socket to process ${to}`));
    return new Promise((resolve) => {
      this.#lastSend += 1;
      this.#sends.set(this.#lastSend, resolve);
      send(socket, frameHeader(FrameKind.REQUEST, this.#lastSend, data.length), data);
    });
  }

  /** One socket per pair: each process dials those before it. */
  async connect(ports: readonly number[]): Promise<void> {
    const complete = new Promise<void>((resolve) => {
      this.#onSocket = () => {
        if (this.#sockets.size === ports.length - 1) resolve();
      };
    });
    for (const [index, port] of ports.slice(0, this.#index).entries()) this.#dial(index, port);
    this.#onSocket();
    await complete;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.values()) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #dial(index: number, port: number): void {
    const socket = connect({
      ...TLS_OPTIONS,
      host: HOST,
      port,
      pskCallback: () => ({ psk: this.#psk, identity: PSK_IDENTITY }),
      // There is no certificate: the key proves both sides.
      checkServerIdentity: () => undefined,
    });
    socket.once("secureConnect", () => {
      this.#read(socket);
      send(socket, frameHeader(FrameKind.GREETING, this.#index, 0));
      this.#add(index, socket);
    });
  }

  #add(index: number, socket: TLSSocket): void {
    this.#sockets.set(index, socket);
    this.#onSocket();
  }

  #read(socket: TLSSocket): void {
    socket.setNoDelay(true);
    // The other end is closed first, or killed.
    socket.on("error", () => socket.destroy());
    const reader = new FrameReader(({ kind, number, payload }) => {
      switch (kind) {
        case FrameKind.GREETING:
          this.#add(number, socket);
          break;
        case FrameKind.VALUE:
          this.#onValue(payload.toString("latin1", 0, VALUE_LENGTH));
          break;
        case FrameKind.REQUEST:
          send(socket, frameHeader(FrameKind.REPLY, number, 0), NOTHING);
          break;
        case FrameKind.REPLY:
          this.#sends.get(number)?.();
          this.#sends.delete(number);
          break;
      }
    });
    socket.on("data", (chunk: Buffer) => reader.add(chunk));
  }
}

/** All that is sent to one socket in one turn leaves in one piece. */
function send(socket: TLSSocket, ...parts: readonly Uint8Array[]): void {
  if (socket.writableCorked === 0) {
    socket.cork();
    process.nextTick(() => socket.uncork());
  }
  for (const part of parts) if (part.length > 0) socket.write(part);
}
