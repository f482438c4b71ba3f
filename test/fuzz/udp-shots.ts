/**
 * Fires datagrams at a UDP carrier: as somebody who has the network key and an association, and as
 * somebody who saw some datagrams.
 * @module
 */
import { createSocket, type Socket } from "node:dgram";
import { UdpAssociation } from "../../src/transport/udp-association.ts";
import {
  decodeContent,
  encodeConfirm,
  encodeContent,
  type UdpContent,
} from "../../src/transport/udp-content.ts";
import {
  CONTENT_BYTES_MAX,
  decodeDatagram,
  encodeInit,
  FIRST_CONTENT_BYTES,
} from "../../src/transport/udp-datagram.ts";
import { MessageType } from "../../src/wire/message-type.ts";
import { eventually } from "../helpers/eventually.ts";
import type { Shot } from "./corpus.ts";

/** The PING by which an attacker sees that all it sent before was read, and when it is repeated. */
const SYNC = { type: MessageType.PING, payload: Buffer.of(0x20) };
const SYNC_MS = 200;
const SYNC_TRIES = 100;

/** One who asks by datagram, in an association that it began in the right way. */
export class UdpAttacker {
  readonly address: string;
  readonly #socket: Socket;
  readonly #port: number;
  readonly #association: UdpAssociation;
  readonly #answers = new Map<number, UdpContent>();
  #lastId = 1;
  #onAnswer: (id: number) => void = () => undefined;

  /** @param address Of this machine: where it sends from. */
  static async begin(
    port: number,
    networkKey: Uint8Array | undefined,
    address = "127.0.0.1",
  ): Promise<UdpAttacker> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, address, resolve));
    const saltA = new Uint8Array(16).fill(socket.address().port);
    const saltB = await challenged(socket, port, saltA);
    const association = new UdpAssociation(networkKey, saltA, saltB, "asker");
    const attacker = new UdpAttacker(socket, port, address, association);
    await attacker.#confirm();
    return attacker;
  }

  private constructor(socket: Socket, port: number, address: string, association: UdpAssociation) {
    this.#socket = socket;
    this.#port = port;
    this.address = address;
    this.#association = association;
    socket.on("message", (bytes) => this.#receive(bytes));
  }

  /** Bytes as they are. */
  send(bytes: Uint8Array): void {
    this.#socket.send(bytes, this.#port, "127.0.0.1");
  }

  /** A datagram of this association, to be sent now or changed. */
  seal(content: Uint8Array): Uint8Array {
    return this.#association.seal(content);
  }

  /** The id that a request gets. */
  nextId(): number {
    this.#lastId++;
    return this.#lastId;
  }

  /** A request, sealed as it should be. */
  encode(id: number, { type, payload }: Shot): Uint8Array {
    return encodeContent({ what: "request", id, type, payload });
  }

  answerTo(id: number): UdpContent | undefined {
    return this.#answers.get(id);
  }

  /** Resolves when the node has answered a PING, and so has read what came before. */
  async sync(): Promise<void> {
    const id = this.nextId();
    for (let tries = 0; !this.#answers.has(id); tries++) {
      if (tries === SYNC_TRIES) throw new Error("no answer to a PING by datagram");
      this.send(this.seal(this.encode(id, SYNC)));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, SYNC_MS);
        this.#onAnswer = (answered) => {
          if (answered !== id) return;
          clearTimeout(timer);
          resolve();
        };
      });
    }
    if (this.#answers.get(id)?.what !== "answer") throw new Error("a PING was refused");
  }

  /** Forgets the answers that came. */
  forget(): void {
    this.#answers.clear();
  }

  close(): void {
    this.#socket.close();
  }

  async #confirm(): Promise<void> {
    const first = encodeConfirm(1, FIRST_CONTENT_BYTES);
    await eventually(() => {
      if (this.#answers.get(1)?.what === "confirm") return;
      this.send(this.#association.sealFirst(first));
      throw new Error("no association");
    });
  }

  #receive(bytes: Uint8Array): void {
    const datagram = decodeDatagram(bytes);
    if (datagram?.kind !== "answer") return;
    const opened = this.#association.open(datagram);
    const content = opened === undefined ? undefined : decodeContent(opened);
    // A repeated PING may have been sent on to HTTP by then.
    if (content === undefined || this.#answers.has(content.id)) return;
    this.#answers.set(content.id, content);
    this.#onAnswer(content.id);
  }
}

/** The salt that the node answers an INIT with. */
async function challenged(socket: Socket, port: number, saltA: Uint8Array): Promise<Uint8Array> {
  let saltB: Uint8Array | undefined;
  const onMessage = (bytes: Uint8Array) => {
    const datagram = decodeDatagram(bytes);
    if (datagram?.kind === "challenge") saltB = Uint8Array.from(datagram.saltB);
  };
  socket.on("message", onMessage);
  const found = await eventually(() => {
    if (saltB !== undefined) return saltB;
    socket.send(encodeInit(saltA), port, "127.0.0.1");
    throw new Error("no challenge");
  });
  socket.off("message", onMessage);
  return found;
}

/** What fits a datagram. */
export function fits({ payload }: Shot): boolean {
  return payload.length <= CONTENT_BYTES_MAX - 6;
}
