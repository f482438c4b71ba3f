/**
 * Somebody who speaks the wire message by message, rightly or wrongly: not a node.
 * @module
 */
import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { createAesCbcSeal, createPlainSeal } from "../../src/crypto/aes-cbc-seal.ts";
import { generateKeyPair, type KeyPair } from "../../src/crypto/identity.ts";
import type { Seal } from "../../src/crypto/seal.ts";
import { loadSignatureEngine } from "../../src/crypto/signatures.ts";
import { dataSignedPart, encodeData } from "../../src/wire/data.ts";
import { encodeHello, helloSignedPart } from "../../src/wire/hello.ts";
import { MESSAGE_PATHS, MessageType } from "../../src/wire/message-type.ts";
import { encodePeers, peersSignedPart } from "../../src/wire/peers.ts";
import { encodeStatePacket, stateSignedPart } from "../../src/wire/state-packet.ts";
import { fromHex } from "../vectors.ts";
import { exchange, post, type RawResponse } from "./raw-http.ts";

const engine = loadSignatureEngine();

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: RawResponse["headers"];
  /** From the sending to the answer. */
  readonly ms: number;
}

export class Stranger {
  readonly nodeId: string;
  readonly keyPair: KeyPair;
  readonly #port: number;
  readonly #seal: Seal;

  /** @param key The network key; undefined speaks in clear text. */
  constructor(nodeId: string, port: number, key: string | undefined, keyPair?: KeyPair) {
    this.nodeId = nodeId;
    this.keyPair = keyPair ?? generateKeyPair(engine, (length) => randomBytes(length));
    this.#port = port;
    this.#seal = key === undefined ? createPlainSeal() : createAesCbcSeal(fromHex(key));
  }

  /** A HELLO with its signature, and any lie in it. */
  hello(fields: Partial<Parameters<typeof encodeHello>[0]> = {}): Uint8Array {
    const unsigned = {
      version: "0.9.0",
      nodeId: this.nodeId,
      address: "",
      port: 1,
      publicKey: this.keyPair.publicKey,
      detectedAddress: "",
      ...fields,
    };
    return encodeHello({ signature: this.sign(helloSignedPart(unsigned)), ...unsigned });
  }

  update(text: string, version = Date.now() / 1_000): Uint8Array {
    const unsigned = { nodeId: this.nodeId, version, text };
    return encodeStatePacket({ ...unsigned, signature: this.sign(stateSignedPart(unsigned)) });
  }

  peers(): Uint8Array {
    const unsigned = { nodeId: this.nodeId, entries: [] };
    return encodePeers({ ...unsigned, signature: this.sign(peersSignedPart(unsigned)) });
  }

  data(payload: Uint8Array): Uint8Array {
    const signature = this.sign(dataSignedPart(this.nodeId, payload));
    return encodeData({ nodeId: this.nodeId, signature, payload });
  }

  sign(message: Uint8Array): Uint8Array {
    return engine.sign(this.keyPair.privateKey, "python", message, randomBytes(32));
  }

  /** Seals one message and sends it. */
  async send(type: MessageType, payload: Uint8Array): Promise<Answer> {
    const plaintext = Buffer.concat([Buffer.of(type), payload]);
    return this.sendBody(type, await this.#seal.seal(plaintext));
  }

  async greet(): Promise<Answer> {
    return this.send(MessageType.HELLO, this.hello());
  }

  /** Greets from another address of this machine, which a node takes for another machine. */
  async greetFrom(localAddress: string): Promise<number> {
    const body = await this.#seal.seal(Buffer.concat([Buffer.of(MessageType.HELLO), this.hello()]));
    return new Promise((resolve, reject) => {
      const options = {
        localAddress,
        host: "127.0.0.1",
        port: this.#port,
        path: MESSAGE_PATHS[MessageType.HELLO],
        method: "POST",
        headers: { "content-length": body.length },
        agent: false,
      };
      const sent = request(options, (response) => {
        response.resume().on("end", () => resolve(response.statusCode ?? 0));
      });
      sent.on("error", reject).end(body);
    });
  }

  /** Sends a body as it is. */
  async sendBody(type: MessageType, body: Uint8Array): Promise<Answer> {
    const startMs = performance.now();
    const at = { address: "127.0.0.1", port: this.#port };
    const { responses } = await exchange(at, post(MESSAGE_PATHS[type], body), {
      timeoutMs: 10_000,
    });
    const ms = performance.now() - startMs;
    const [response] = responses;
    if (response === undefined) throw new Error("no answer");
    const { status, headers } = response;
    return { status, headers, ms, text: status === 200 ? "" : response.body.toString() };
  }
}
