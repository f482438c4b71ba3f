/**
 * How a Python peer answers: no HELLO is verified, a state of a node without an address is stored
 * unverified, and no reason is hidden.
 *
 * Source: `handler.py`, `dsnode.py` as observed; `docs/protocol.md`.
 * @module
 */
import type { Outcome } from "../wire/exchange.ts";
import { decodeHello } from "../wire/hello.ts";
import { MessageType, PROTOCOL_VERSION } from "../wire/message-type.ts";
import { isNativeType } from "../wire/native-type.ts";
import { decodePeers } from "../wire/peers.ts";
import { decodeStatePacket } from "../wire/state-packet.ts";
import type { PythonTables } from "./python-tables.ts";
import type { PythonWords } from "./python-words.ts";
import type { SimRequest } from "./sim-carrier.ts";

/** Who answers, and with what. */
export interface PythonAnswersParts {
  readonly nodeId: string;
  readonly tables: PythonTables;
  readonly words: PythonWords;
  /** A state of a node that it has no address for was stored unverified. */
  readonly onGhost: (nodeId: string) => void;
}

export class PythonAnswers {
  readonly #parts: PythonAnswersParts;

  constructor(parts: PythonAnswersParts) {
    this.#parts = parts;
  }

  answer({ type, payload, from }: SimRequest): Outcome {
    if (isNativeType(type)) return refusal(404, "");
    try {
      switch (type) {
        case MessageType.HELLO:
          return this.#answerHello(payload, from);
        case MessageType.UPDATE:
          return this.#answerUpdate(payload);
        case MessageType.PEERS:
          return this.#answerPeers(payload);
        case MessageType.PING:
          return answer(new Uint8Array());
        case MessageType.DATA:
          return answer(new TextEncoder().encode("OK"));
      }
    } catch {
      return refusal(500, "");
    }
  }

  #answerHello(payload: Uint8Array, from: string): Outcome {
    const { tables, words } = this.#parts;
    const { hello } = decodeHello(payload);
    if (hello.version !== PROTOCOL_VERSION) return refusal(505, "Network version mismatch");
    if (!tables.pin(hello.nodeId, hello.publicKey)) {
      return refusal(401, `Cannot verify ECDSA key for ${hello.nodeId}`);
    }
    tables.enter(hello.nodeId, { address: from, port: hello.port });
    return answer(words.hello(from));
  }

  #answerUpdate(payload: Uint8Array): Outcome {
    const { tables, nodeId } = this.#parts;
    const verdict = this.update(payload);
    if (typeof verdict === "object") return verdict;
    return answer(
      verdict ? (tables.states.get(nodeId)?.packet ?? new Uint8Array()) : new Uint8Array(),
    );
  }

  #answerPeers(payload: Uint8Array): Outcome {
    const { tables, words } = this.#parts;
    const { packet, signedPart } = decodePeers(payload);
    const { nodeId } = packet;
    if (!tables.book.has(nodeId)) return refusal(401, `Could not find ${nodeId} in address book`);
    if (!tables.verifies(nodeId, signedPart, packet.signature)) {
      return refusal(406, "Could not verify ECDSA signature of packet");
    }
    return answer(words.peers([...tables.book].map(([id, to]) => ({ nodeId: id, ...to }))));
  }

  /** A state, asked for or not. @returns true when taken, false when refused in silence. */
  update(payload: Uint8Array): boolean | Outcome {
    const { tables, onGhost } = this.#parts;
    const { packet, signedPart } = decodeStatePacket(payload);
    const { nodeId, version, text } = packet;
    if (nodeId === this.#parts.nodeId) return refusal(406, "Origin and destination are the same");
    if (!tables.book.has(nodeId)) {
      onGhost(nodeId);
    } else if (!tables.verifies(nodeId, signedPart, packet.signature)) {
      return refusal(401, "Could not verify ECDSA signature");
    }
    return tables.take(nodeId, { version, text, packet: payload });
  }
}

function answer(payload: Uint8Array): Outcome {
  return { kind: "answer", payload };
}

/** It never hides a reason, but for what does not decrypt. */
function refusal(status: number, text: string): Outcome {
  return { kind: "refusal", status, text, authenticated: true };
}
