/** Somebody else than the core under test. */
import type { KeyPair } from "../../../src/crypto/identity.ts";
import { createToySignatures } from "../../../src/testing/index.ts";
import { dataSignedPart, encodeData } from "../../../src/wire/data.ts";
import type { Address, Reply } from "../../../src/wire/exchange.ts";
import { decodeHello, encodeHello, helloSignedPart } from "../../../src/wire/hello.ts";
import {
  blockSignedPart,
  decodeHelloBlock,
  encodeBlockBody,
  encodeHelloBlock,
  markNative,
} from "../../../src/wire/hello-block.ts";
import { MessageType, PROTOCOL_VERSION } from "../../../src/wire/message-type.ts";
import { type AnyType, isNativeType } from "../../../src/wire/native-type.ts";
import { encodePeers, type PeerEntry, peersSignedPart } from "../../../src/wire/peers.ts";
import { encodeStatePacket, stateSignedPart } from "../../../src/wire/state-packet.ts";
import type { LoneCore } from "./lone-core.ts";

export const engine = createToySignatures();
export const NOW_SECONDS = 1_785_000_000;
export const PORT = 8_000;

export function keyPairOf(name: string): KeyPair {
  const privateKey = new Uint8Array(32);
  privateKey.set(new TextEncoder().encode(name).subarray(0, 32));
  return { privateKey, publicKey: Uint8Array.from(engine.publicKeyOf(privateKey)) };
}

/** What an answer to this native HELLO has to sign. */
export function nonceOf(payload: Uint8Array): Uint8Array | undefined {
  return decodeHelloBlock(decodeHello(payload).trailing)?.block.nonce;
}

export function answered(payload: Uint8Array): Extract<Reply, { kind: "answer" }> {
  return { kind: "answer", payload, peerUnixSeconds: NOW_SECONDS };
}

/** Somebody else: it has a key and writes the messages that a test needs. */
export class Puppet {
  readonly nodeId: string;
  readonly address: string;
  readonly keyPair: KeyPair;
  #drawn = 0;

  constructor(nodeId: string, address: string, keyOf = nodeId) {
    this.nodeId = nodeId;
    this.address = address;
    this.keyPair = keyPairOf(keyOf);
  }

  sign(scheme: "python" | "native", message: Uint8Array): Uint8Array {
    this.#drawn += 1;
    const entropy = new Uint8Array(32).fill(this.#drawn);
    return engine.sign(this.keyPair.privateKey, scheme, message, entropy);
  }

  /** A HELLO of the Python wire. */
  hello(
    options: { port?: number; nodeId?: string; version?: string; detectedAddress?: string } = {},
  ): Uint8Array {
    const unsigned = {
      version: options.version ?? PROTOCOL_VERSION,
      nodeId: options.nodeId ?? this.nodeId,
      address: this.address,
      port: options.port ?? PORT,
      publicKey: this.keyPair.publicKey,
    };
    const signature = this.sign("python", helloSignedPart(unsigned));
    return encodeHello({
      ...unsigned,
      signature,
      detectedAddress: options.detectedAddress ?? "",
    });
  }

  /** A HELLO with the signed block of a native node. */
  nativeHello(
    options: {
      issued?: number;
      incarnation?: number;
      answered?: Uint8Array | undefined;
      role?: "request" | "answer";
      features?: readonly string[];
      addresses?: readonly Address[];
    } = {},
  ): Uint8Array {
    const unsigned = {
      version: PROTOCOL_VERSION,
      nodeId: this.nodeId,
      address: markNative(this.address),
      port: PORT,
      publicKey: this.keyPair.publicKey,
    };
    const signature = this.sign("python", helloSignedPart(unsigned));
    const head = encodeHello({ ...unsigned, signature, detectedAddress: "" });
    const body = encodeBlockBody({
      nonce: new Uint8Array(16).fill(7),
      answered: options.answered,
      incarnation: new Uint8Array(16).fill(options.incarnation ?? 1),
      issued: options.issued ?? NOW_SECONDS,
      versionMin: 1,
      versionMax: 1,
      features: options.features ?? [],
      addresses: options.addresses ?? [],
    });
    const message = blockSignedPart(options.role ?? "request", head, body);
    return Uint8Array.from([...head, ...encodeHelloBlock(body, this.sign("native", message))]);
  }

  state(version: number, text: string): Uint8Array {
    const unsigned = { nodeId: this.nodeId, version, text };
    return encodeStatePacket({
      ...unsigned,
      signature: this.sign("python", stateSignedPart(unsigned)),
    });
  }

  peers(entries: readonly PeerEntry[] = []): Uint8Array {
    const unsigned = { nodeId: this.nodeId, entries };
    return encodePeers({ ...unsigned, signature: this.sign("python", peersSignedPart(unsigned)) });
  }

  data(payload: Uint8Array): Uint8Array {
    const signature = this.sign("python", dataSignedPart(this.nodeId, payload));
    return encodeData({ nodeId: this.nodeId, signature, payload });
  }

  /**
   * Says HELLO to the core as a Python peer, sends its state, and answers the core's calls until
   * it is listed.
   */
  join(core: LoneCore, state = this.state(NOW_SECONDS, "{}")): this {
    core.ask(MessageType.HELLO, this.hello(), this.address);
    core.ask(MessageType.UPDATE, state, this.address);
    this.answerCalls(core, state);
    return this;
  }

  /** Says HELLO to the core as a native peer, and answers the core's calls until it is listed. */
  joinNative(core: LoneCore, features: readonly string[] = []): this {
    core.ask(MessageType.HELLO, this.nativeHello({ features }), this.address);
    const [call] = core.sent(MessageType.HELLO);
    if (call === undefined) throw new Error(`${this.nodeId} is not called`);
    const answer = { role: "answer", answered: nonceOf(call.payload), features } as const;
    core.reply(call, answered(this.nativeHello({ ...answer, issued: NOW_SECONDS + 1 })));
    this.answerCalls(core);
    return this;
  }

  /** Answers all calls that the core has open to it, as a Python peer that lists the core. */
  answerCalls(core: LoneCore, state = this.state(NOW_SECONDS, "{}")): void {
    for (let round = 0; round < 20; round += 1) {
      const call = core.open.find(({ to }) => to.address === this.address);
      if (call === undefined) return;
      core.reply(call, answered(this.#answerTo(call.type, core, state)));
    }
  }

  #answerTo(type: AnyType, { core }: LoneCore, state: Uint8Array): Uint8Array {
    if (isNativeType(type)) throw new Error(`${this.nodeId} has no session to answer ${type} on`);
    switch (type) {
      case MessageType.HELLO:
        return this.hello();
      case MessageType.UPDATE:
        return state;
      case MessageType.PEERS:
        return this.peers([{ nodeId: core.nodeId, address: "10.0.0.1", port: PORT }]);
      case MessageType.PING:
        return new Uint8Array();
      case MessageType.DATA:
        return new TextEncoder().encode("OK");
    }
  }
}
