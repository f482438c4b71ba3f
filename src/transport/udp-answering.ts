/**
 * The answering half of UDP: who may ask. Nothing is kept for anybody who has not echoed a
 * challenge and shown that it has the network key.
 * @module
 */

import type { UdpLimits } from "./limits.ts";
import { associationId, UdpAssociation } from "./udp-association.ts";
import { type Answering, UdpAssociations } from "./udp-associations.ts";
import { Challenges } from "./udp-challenge.ts";
import { decodeContent, encodeConfirm, type UdpContent } from "./udp-content.ts";
import {
  CONTENT_BYTES_MAX,
  type DatagramToAnswerer,
  encodeChallenge,
  type FirstDatagram,
  nameOfBytes,
  type RequestDatagram,
  type Sealed,
} from "./udp-datagram.ts";
import { UdpAsker, type UdpServing } from "./udp-serving.ts";
import type { UdpEndpoint, UdpSend } from "./udp-switch.ts";

export interface UdpAnsweringOptions {
  readonly networkKey: Uint8Array | undefined;
  /** 32 random bytes: what challenges are made from, for as long as this process lives. */
  readonly secret: Uint8Array;
  readonly monotonicMs: () => number;
  readonly limits: UdpLimits;
  readonly serving: UdpServing;
  readonly send: UdpSend;
}

export class UdpAnswering {
  readonly #options: UdpAnsweringOptions;
  readonly #challenges: Challenges;
  readonly #associations: UdpAssociations;

  constructor(options: UdpAnsweringOptions) {
    this.#options = options;
    this.#challenges = new Challenges(options.secret, options.monotonicMs);
    this.#associations = new UdpAssociations(options.limits, options.monotonicMs);
  }

  /** Associations kept. */
  get size(): number {
    return this.#associations.size;
  }

  receive(datagram: DatagramToAnswerer, source: UdpEndpoint): void {
    switch (datagram.kind) {
      case "init": {
        const saltB = this.#challenges.make(datagram.saltA, source);
        this.#options.send(encodeChallenge(datagram.saltA, saltB), source);
        break;
      }
      case "first":
        this.#first(datagram, source);
        break;
      case "request":
        this.#request(datagram, source);
        break;
    }
  }

  #first(datagram: FirstDatagram, source: UdpEndpoint): void {
    const { saltA, saltB } = datagram;
    if (!this.#challenges.isOurs(saltA, saltB, source)) return;
    const known = this.#associations.get(nameOfBytes(associationId(saltA, saltB)));
    if (known === undefined && !this.#associations.hasRoom(source.address)) return;
    const answering = known ?? this.#begin(saltA, saltB, source);
    // Who has another network key leaves nothing behind. HTTP tells who that is.
    const content = this.#open(answering, datagram);
    if (content?.what !== "confirm") return;
    if (known === undefined) this.#associations.enter(answering);
    answering.asker.send(encodeConfirm(content.id, CONTENT_BYTES_MAX));
  }

  #begin(saltA: Uint8Array, saltB: Uint8Array, source: UdpEndpoint): Answering {
    const { networkKey, monotonicMs, send } = this.#options;
    const association = new UdpAssociation(networkKey, saltA, saltB, "answerer");
    const asker = new UdpAsker(source.address, (content) =>
      send(association.seal(content), source),
    );
    return { association, asker, source: nameOf(source), usedMs: monotonicMs(), retired: false };
  }

  #request(datagram: RequestDatagram, source: UdpEndpoint): void {
    const answering = this.#associations.get(nameOfBytes(datagram.association));
    if (answering?.source !== nameOf(source)) return;
    const content = this.#open(answering, datagram);
    if (content?.what === "request") this.#options.serving.receive(answering.asker, content);
  }

  #open(answering: Answering, datagram: Sealed): UdpContent | undefined {
    const bytes = answering.retired ? undefined : answering.association.open(datagram);
    if (bytes === undefined) return undefined;
    answering.usedMs = this.#options.monotonicMs();
    return decodeContent(bytes);
  }
}

function nameOf({ address, port }: UdpEndpoint): string {
  return `${address} ${port}`;
}
