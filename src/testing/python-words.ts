/**
 * What a Python peer says of itself: packets with its signature.
 * @module
 */
import type { KeyPair } from "../crypto/identity.ts";
import type { Address } from "../wire/exchange.ts";
import { encodeHello, helloSignedPart } from "../wire/hello.ts";
import { PROTOCOL_VERSION } from "../wire/message-type.ts";
import { encodePeers, type PeerEntry, peersSignedPart } from "../wire/peers.ts";
import { encodeStatePacket, stateSignedPart } from "../wire/state-packet.ts";
import type { PythonWorld } from "./sim-python.ts";

export class PythonWords {
  readonly #world: PythonWorld;
  readonly #nodeId: string;
  readonly #endpoint: Address;
  readonly #keyPair: KeyPair;

  constructor(world: PythonWorld, nodeId: string, endpoint: Address, keyPair: KeyPair) {
    this.#world = world;
    this.#nodeId = nodeId;
    this.#endpoint = endpoint;
    this.#keyPair = keyPair;
  }

  /** @param detectedAddress Where the one that is answered called from; empty in the HELLO that asks. */
  hello(detectedAddress: string): Uint8Array {
    const { address, port } = this.#endpoint;
    const { publicKey } = this.#keyPair;
    const nodeId = this.#nodeId;
    const unsigned = { version: PROTOCOL_VERSION, nodeId, address, port, publicKey };
    const signature = this.#sign(helloSignedPart(unsigned));
    return encodeHello({ ...unsigned, signature, detectedAddress });
  }

  state(version: number, text: string): Uint8Array {
    const unsigned = { nodeId: this.#nodeId, version, text };
    const signature = this.#sign(stateSignedPart(unsigned));
    return encodeStatePacket({ ...unsigned, signature });
  }

  peers(entries: readonly PeerEntry[]): Uint8Array {
    const unsigned = { nodeId: this.#nodeId, entries };
    const signature = this.#sign(peersSignedPart(unsigned));
    return encodePeers({ ...unsigned, signature });
  }

  #sign(message: Uint8Array): Uint8Array {
    const { engine, entropy, promises } = this.#world;
    promises.signed(this.#nodeId, message);
    return engine.sign(this.#keyPair.privateKey, "python", message, entropy(32));
  }
}
