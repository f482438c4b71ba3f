/**
 * What comes from peers, and who in the core answers it.
 *
 * A refusal ends its request and nothing else; so does a fault of our own, which is reported.
 * @module
 */
import type { Outcome, ProvenPeer } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { isNativeType, type NativeType } from "../wire/native-type.ts";
import { type Flow, run } from "./flow.ts";
import type { Input } from "./input.ts";
import type { Joining } from "./joining.ts";
import type { Kernel } from "./kernel.ts";
import type { Liveness } from "./liveness.ts";
import type { Messaging } from "./messaging.ts";
import type { NativeServing, Served } from "./native-serving.ts";
import type { PeerLists } from "./peer-lists.ts";
import * as refusals from "./refusal.ts";
import { Refusal } from "./refusal.ts";
import type { Replication } from "./replication.ts";
import type { Welcome } from "./welcome.ts";

type Request = Extract<Input, { kind: "request" }>;

export interface AnsweringParts {
  readonly kernel: Kernel;
  readonly liveness: Liveness;
  readonly welcome: Welcome;
  readonly joining: Joining;
  readonly replication: Replication;
  readonly peerLists: PeerLists;
  readonly messaging: Messaging;
  readonly serving: NativeServing;
}

export class Answering {
  readonly #parts: AnsweringParts;

  constructor(parts: AnsweringParts) {
    this.#parts = parts;
  }

  answer(input: Request): void {
    const { kernel } = this.#parts;
    const respond = (outcome: Outcome) =>
      kernel.emit({ kind: "respond", exchange: input.exchange, outcome });
    const failed = (error: unknown) => {
      if (error instanceof Refusal) {
        respond(error.outcome);
        return;
      }
      respond({ kind: "refusal", status: 500, text: "", authenticated: false });
      kernel.emit({ kind: "fault", error });
    };
    const { type, payload, peer } = input;
    if (isNativeType(type)) this.#answerNative(type, payload, peer, respond, failed);
    else run(this.#answerFlow(type, input, respond), () => undefined, failed);
  }

  #answerNative(
    type: NativeType,
    payload: Uint8Array,
    peer: ProvenPeer | undefined,
    respond: (outcome: Outcome) => void,
    failed: (error: unknown) => void,
  ): void {
    const done = (served: Served) => {
      respond({ kind: "answer", payload: served.payload });
      served.afterwards?.();
    };
    try {
      if (peer === undefined) throw refusals.malformed();
      const served = this.#parts.serving.answer(type, payload, peer);
      if ("payload" in served) done(served);
      else run(served, done, failed);
    } catch (error) {
      failed(error);
    }
  }

  *#answerFlow(
    type: MessageType,
    { payload, from }: Request,
    respond: (outcome: Outcome) => void,
  ): Flow {
    const { liveness, welcome, joining, replication, peerLists, messaging } = this.#parts;
    const answer = (bytes: Uint8Array) => respond({ kind: "answer", payload: bytes });
    switch (type) {
      case MessageType.PING:
        answer(new Uint8Array());
        liveness.pingedFrom(from);
        break;
      case MessageType.HELLO: {
        const answered = yield* welcome.answer(payload, from);
        answer(answered.payload);
        joining.greetedBy(answered.greeted, answered.endpoint);
        break;
      }
      case MessageType.UPDATE:
        answer(yield* replication.answer(payload));
        break;
      case MessageType.PEERS:
        answer(yield* peerLists.answer(payload));
        break;
      case MessageType.DATA: {
        const answered = yield* messaging.answer(payload);
        answer(answered.payload);
        answered.deliver();
        break;
      }
    }
  }
}
