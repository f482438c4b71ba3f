/**
 * PEERS in both directions: whom a node lists, and whom it hears of.
 *
 * What a list says is only ever a reason to say HELLO; the node that answers there decides who it
 * is. Our own lists name only nodes that we have reached ourselves.
 *
 * Source: `dsnode.py`, `handle_peers`; `docs/protocol.md`, PEERS.
 * @module
 */
import { DsnError } from "../errors.ts";
import { isHostAddress, isPort } from "../wire/address.ts";
import type { Address, Reply } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { isNodeId } from "../wire/node-id.ts";
import { decodePeers, encodePeers, type PeerEntry, peersSignedPart } from "../wire/peers.ts";
import type { Alerts } from "./alerts.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { isGone, type Member } from "./member.ts";
import type { Members } from "./members.ts";
import * as refusals from "./refusal.ts";
import type { Self } from "./self.ts";
import type { Senders } from "./senders.ts";
import { LIMITS } from "./settings.ts";
import type { Trust } from "./trust.ts";

/** Entries of one list that are looked at. */
const ENTRIES_MAX = 4_096;

/** A node that somebody named to us. */
export interface Named {
  readonly nodeId: string;
  readonly endpoint: Address;
}

export type PeerListReply =
  | { readonly kind: "list"; readonly named: readonly Named[] }
  | { readonly kind: "trouble"; readonly reply: Reply };

export class PeerLists {
  readonly #kernel: Kernel;
  readonly #self: Self;
  readonly #members: Members;
  readonly #trust: Trust;
  readonly #senders: Senders;
  readonly #alerts: Alerts;
  #request: Uint8Array | undefined;
  #answer:
    | { readonly revision: number; readonly address: string; readonly payload: Uint8Array }
    | undefined;

  constructor(
    kernel: Kernel,
    self: Self,
    members: Members,
    trust: Trust,
    senders: Senders,
    alerts: Alerts,
  ) {
    this.#kernel = kernel;
    this.#self = self;
    this.#members = members;
    this.#trust = trust;
    this.#senders = senders;
    this.#alerts = alerts;
  }

  /** Asks one peer whom it lists. Also tells us whether it lists us. */
  *ask(member: Member, endpoint: Address): Flow<PeerListReply> {
    this.#request ??= yield* this.#signed([]);
    const reply = yield* this.#kernel.request(endpoint, MessageType.PEERS, this.#request, {
      answerBytesMax: LIMITS.peersAnswerBytesMax,
    });
    if (reply.kind !== "answer") return { kind: "trouble", reply };
    let decoded: ReturnType<typeof decodePeers>;
    try {
      decoded = decodePeers(reply.payload);
    } catch {
      return { kind: "list", named: [] };
    }
    const { packet, signedPart } = decoded;
    const valid =
      packet.nodeId === member.nodeId &&
      (yield* this.#kernel.verify(member.publicKey, "python", signedPart, packet.signature));
    if (!valid) {
      this.#alerts.raise(forgedList(member.nodeId), member.nodeId);
      return { kind: "list", named: [] };
    }
    member.seesUs = packet.entries.some(({ nodeId }) => nodeId === this.#self.nodeId);
    return { kind: "list", named: this.#usable(packet.entries) };
  }

  /** D26: an address becomes part of a request, so it must be nothing but an address. */
  #usable(entries: readonly PeerEntry[]): Named[] {
    return entries
      .slice(0, ENTRIES_MAX)
      .filter(
        ({ nodeId, address, port }) =>
          nodeId !== this.#self.nodeId &&
          isNodeId(nodeId) &&
          this.#trust.admitsId(nodeId) &&
          isHostAddress(address) &&
          isPort(port),
      )
      .map(({ nodeId, address, port }) => ({ nodeId, endpoint: { address, port } }));
  }

  /** Answers a PEERS request. */
  *answer(payload: Uint8Array): Flow<Uint8Array> {
    let decoded: ReturnType<typeof decodePeers>;
    try {
      decoded = decodePeers(payload);
    } catch {
      throw refusals.malformed();
    }
    const { packet, signedPart } = decoded;
    const { nodeId } = packet;
    const member = yield* this.#senders.of(packet, signedPart, refusals.unsignedPeers);
    // One that refuses us is answered: it may just have refused our first HELLO by mistake.
    if (isGone(member)) throw refusals.notInAddressBook(nodeId, true);
    return yield* this.#ownList();
  }

  /** Our own list, signed once for as long as nobody comes or goes. */
  *#ownList(): Flow<Uint8Array> {
    const { revision } = this.#members;
    const { address } = this.#self.advertised;
    const kept = this.#answer;
    if (kept?.revision === revision && kept.address === address) return kept.payload;
    const own = { nodeId: this.#self.nodeId, address, port: this.#self.port };
    const listed = this.#members
      .present()
      .flatMap(({ nodeId, endpoint, status }) =>
        endpoint === undefined || status === "one-way" ? [] : [{ nodeId, ...endpoint }],
      );
    const payload = yield* this.#signed([own, ...listed]);
    this.#answer = { revision, address, payload };
    return payload;
  }

  *#signed(entries: readonly PeerEntry[]): Flow<Uint8Array> {
    const unsigned = { nodeId: this.#self.nodeId, entries };
    const signature = yield* this.#kernel.sign("python", peersSignedPart(unsigned));
    return encodePeers({ ...unsigned, signature });
  }
}

function forgedList(nodeId: string): DsnError {
  return new DsnError("DSN_BAD_SIGNATURE", `Cannot take the list of peers that "${nodeId}" sent`, {
    why: "its signature does not belong to the key pinned for that node",
    fix: ["look for a third party between the two machines"],
    nodeId,
  });
}
