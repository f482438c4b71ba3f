/**
 * The yardstick: a full mesh of TLS sockets of Node that carries the same states and messages, and
 * does nothing else. No signatures, no membership, no repeats, no answers to states: a state goes
 * out whole once and then what was written, is kept by who gets it, and is never parsed. What it
 * costs is what this runtime costs.
 * @module
 */
import { createHash } from "node:crypto";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import type { Setup, StateShape } from "./commands.ts";
import { FrameKind, FrameReader, frameHeader } from "./frames.ts";
import { FIRST_VALUE, type OpenPeer, type Peer, type PeerListener, VALUE_LENGTH } from "./peer.ts";

const HOST = "127.0.0.1";
const PSK_IDENTITY = "bench";
const TLS_OPTIONS = {
  ciphers: "TLS_AES_128_GCM_SHA256",
  minVersion: "TLSv1.3",
  maxVersion: "TLSv1.3",
} as const;

/** Brings the frame of one small value to about 60 bytes: it would have a key and a version. */
const VALUE_FILLING_BYTES = 31;
/** What the name of a further key and the marks around it take. */
const KEY_BYTES = 8;

/** Between two pings of each socket, in both directions: as often as a node of the library. */
const PING_MS = 3_000;
/** Number of a request whose reply nobody waits for. */
const PING_NUMBER = 0;

const NOTHING = Buffer.alloc(0);

export function openBarePeer(setup: Setup, listener: PeerListener): Promise<OpenPeer> {
  const psk = createHash("sha256").update(setup.networkKey).digest();
  const server = createServer({ ...TLS_OPTIONS, pskCallback: () => psk });
  const peer = new BarePeer(setup, psk, server, listener);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(setup.port, HOST, () => {
      const { port } = server.address() as AddressInfo;
      resolve({ peer, port });
    });
  });
}

class BarePeer implements Peer {
  readonly #index: number;
  readonly #psk: Buffer;
  readonly #server: Server;
  readonly #listener: PeerListener;
  #state: Buffer;
  /** Of the value that is written, at the beginning of the state. */
  readonly #entryBytes: number;
  /** In this turn of the event loop. */
  #isWritten = false;
  readonly #sockets = new Map<number, TLSSocket>();
  /** What the others own. Nobody reads it here, but a mesh that keeps nothing would need no memory. */
  readonly #replicas = new Map<number, Buffer>();
  readonly #sends = new Map<number, () => void>();
  #lastSend = PING_NUMBER;
  #awaited: (() => void)[] = [];
  readonly #pings: NodeJS.Timeout;

  constructor({ index, state }: Setup, psk: Buffer, server: Server, listener: PeerListener) {
    this.#index = index;
    this.#psk = psk;
    this.#server = server;
    this.#listener = listener;
    this.#state = Buffer.alloc(stateBytes(state), "x");
    this.#entryBytes = state.bytes + VALUE_FILLING_BYTES;
    this.#state.write(FIRST_VALUE, "latin1");
    server.on("secureConnection", (socket) => {
      this.#read(socket);
      this.#greet(socket);
    });
    this.#pings = setInterval(() => this.#ping(), PING_MS);
  }

  write(value: string): void {
    if (!this.#isWritten) {
      this.#isWritten = true;
      // What is on its way keeps the bytes it was given.
      this.#state = Buffer.from(this.#state);
      process.nextTick(() => this.#sendEntry());
    }
    this.#state.write(value, "latin1");
  }

  #sendEntry(): void {
    this.#isWritten = false;
    const header = frameHeader(FrameKind.VALUE, this.#index, this.#entryBytes);
    const frame = Buffer.concat([header, this.#state.subarray(0, this.#entryBytes)]);
    for (const socket of this.#sockets.values()) send(socket, frame);
  }

  read(index: number): string | undefined {
    return this.#replicas.get(index)?.toString("latin1", 0, VALUE_LENGTH);
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
    for (const port of ports.slice(0, this.#index)) this.#dial(port);
    await this.#until(() => this.#sockets.size === ports.length - 1);
  }

  waitForBack(index: number): Promise<void> {
    return this.#until(() => this.#sockets.has(index));
  }

  async close(): Promise<void> {
    clearInterval(this.#pings);
    for (const socket of this.#sockets.values()) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#awaited.push(resolve));
  }

  #dial(port: number): void {
    const socket = connect({
      ...TLS_OPTIONS,
      // A socket of our own, so that what it carries can be counted as it is on the wire.
      socket: connectTcp({ host: HOST, port, noDelay: true }),
      pskCallback: () => ({ psk: this.#psk, identity: PSK_IDENTITY }),
      // There is no certificate: the key proves both sides.
      checkServerIdentity: () => undefined,
    });
    socket.once("secureConnect", () => {
      this.#read(socket);
      this.#greet(socket);
    });
  }

  #greet(socket: TLSSocket): void {
    send(socket, frameHeader(FrameKind.GREETING, this.#index, this.#state.length), this.#state);
  }

  #ping(): void {
    const frame = frameHeader(FrameKind.REQUEST, PING_NUMBER, 0);
    for (const socket of this.#sockets.values()) send(socket, frame);
  }

  #read(socket: TLSSocket): void {
    socket.setNoDelay(true);
    // The other end is closed first, or killed.
    socket.on("error", () => socket.destroy());
    const reader = new FrameReader(({ kind, number, payload }) => {
      switch (kind) {
        case FrameKind.GREETING:
          // A copy: the payload is a view into all that came with it.
          this.#replicas.set(number, Buffer.from(payload));
          this.#met(number, socket);
          this.#tell(number, payload);
          break;
        case FrameKind.VALUE:
          payload.copy(this.#replicas.get(number) ?? NOTHING);
          this.#tell(number, payload);
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

  #met(index: number, socket: TLSSocket): void {
    this.#sockets.set(index, socket);
    socket.once("close", () => {
      this.#sockets.delete(index);
      this.#listener.onGone(index);
    });
    for (const look of this.#awaited.splice(0)) look();
  }

  #tell(writer: number, state: Buffer): void {
    this.#listener.onValue(writer, state.toString("latin1", 0, VALUE_LENGTH));
  }
}

function stateBytes({ keys, bytes }: StateShape): number {
  return bytes + VALUE_FILLING_BYTES + (keys - 1) * (bytes + KEY_BYTES);
}

/** All that is sent to one socket in one turn leaves in one piece. */
function send(socket: TLSSocket, ...parts: readonly Uint8Array[]): void {
  if (socket.writableCorked === 0) {
    socket.cork();
    process.nextTick(() => socket.uncork());
  }
  for (const part of parts) if (part.length > 0) socket.write(part);
}
