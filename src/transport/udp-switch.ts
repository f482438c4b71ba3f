/**
 * Which datagram is for whom, on the asking side.
 * @module
 */
import { type AnswerDatagram, type DatagramToAsker, nameOfBytes } from "./udp-datagram.ts";

/** An IP address, IPv4 in its own form, and a port. */
export interface UdpEndpoint {
  readonly address: string;
  readonly port: number;
}

export type UdpSend = (bytes: Uint8Array, to: UdpEndpoint) => void;

/**
 * Challenges are told by the salt that they answer, answers by their association: both are random
 * and large. Where a datagram comes from does not matter here, for a peer with several addresses
 * may answer from another one.
 */
export class UdpSwitch {
  readonly send: UdpSend;
  readonly #challenges = new Map<string, (saltB: Uint8Array) => void>();
  readonly #answers = new Map<string, (datagram: AnswerDatagram) => void>();

  constructor(send: UdpSend) {
    this.send = send;
  }

  expectChallenge(saltA: string, onChallenge: (saltB: Uint8Array) => void): void {
    this.#challenges.set(saltA, onChallenge);
  }

  forgetChallenge(saltA: string): void {
    this.#challenges.delete(saltA);
  }

  /** Replaces who was told before. */
  expectAnswers(association: string, onAnswer: (datagram: AnswerDatagram) => void): void {
    this.#answers.set(association, onAnswer);
  }

  forget(association: string): void {
    this.#answers.delete(association);
  }

  /** How many are expected. */
  get size(): number {
    return this.#challenges.size + this.#answers.size;
  }

  receive(datagram: DatagramToAsker): void {
    if (datagram.kind === "challenge") {
      this.#challenges.get(nameOfBytes(datagram.saltA))?.(datagram.saltB);
    } else {
      this.#answers.get(nameOfBytes(datagram.association))?.(datagram);
    }
  }

  clear(): void {
    this.#challenges.clear();
    this.#answers.clear();
  }
}
