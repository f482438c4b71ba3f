/**
 * Whom a signed packet is from: one answer for UPDATE, PEERS and DATA.
 * @module
 */
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { type Member, speaksNative } from "./member.ts";
import type { Members } from "./members.ts";
import type { Refusal } from "./refusal.ts";
import * as refusals from "./refusal.ts";
import { LIMITS } from "./settings.ts";
import { sameBytes, type Trust } from "./trust.ts";

export interface SignedPacket {
  readonly nodeId: string;
  readonly signature: Uint8Array;
}

export class Senders {
  readonly #kernel: Kernel;
  readonly #ownId: string;
  readonly #members: Members;
  readonly #trust: Trust;

  constructor(kernel: Kernel, ownId: string, members: Members, trust: Trust) {
    this.#kernel = kernel;
    this.#ownId = ownId;
    this.#members = members;
    this.#trust = trust;
  }

  /**
   * The member that signed a packet, present or not.
   *
   * @param unsigned How the reference refuses a bad signature: each message has its own words.
   * @throws {Refusal} of a sender that is not known, not admitted, or did not sign it.
   */
  *of(
    { nodeId, signature }: SignedPacket,
    signedPart: Uint8Array,
    unsigned: () => Refusal,
  ): Flow<Member> {
    const publicKey = this.#members.get(nodeId)?.publicKey ?? this.#trust.keyOf(nodeId);
    if (publicKey === undefined) throw refusals.notInAddressBook(nodeId, false);
    const valid = yield* this.#kernel.verify(publicKey, "python", signedPart, signature);
    if (!valid) throw unsigned();
    if (!this.#trust.admits(nodeId, publicKey)) {
      throw refusals.notWhitelisted(nodeId, this.#ownId);
    }
    const member = this.#members.get(nodeId);
    // The identity may have been forgotten, and another let in, while the signature was checked.
    if (member === undefined || !sameBytes(member.publicKey, publicKey)) {
      throw refusals.notInAddressBook(nodeId, true);
    }
    // What it signs in this form is for Python peers: who brings it here plays a recording.
    if (speaksNative(member)) throw refusals.sessionsOnly();
    return member;
  }
}

/**
 * Makes room for one more sender in what is remembered of each: whoever sends under one name after
 * the other must not make it grow. There are never so many that all of them are listed.
 */
export function makeRoomAmong(
  bySender: Map<string, unknown>,
  isListed: (nodeId: string) => boolean,
): void {
  if (bySender.size < LIMITS.membersMax) return;
  for (const sender of bySender.keys()) {
    if (isListed(sender)) continue;
    bySender.delete(sender);
    return;
  }
}
