/** A puppet that speaks the native wire, and the answers that tests give as such a peer. */
import type { Reply } from "../../../src/wire/exchange.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { type AnyType, isNativeType } from "../../../src/wire/native-type.ts";
import type { PeerEntry } from "../../../src/wire/peers.ts";
import {
  answered,
  type LoneCore,
  NOW_SECONDS,
  nonceOf,
  PORT,
  Puppet,
  type Sent,
} from "./lone-core.ts";

export const unreachable: Reply = { kind: "failed", reason: "unreachable", detail: "refused" };
export const silence: Reply = { kind: "failed", reason: "no-answer", detail: "time is up" };
export const stranger: Reply = {
  kind: "refused",
  status: 401,
  text: "Could not find me in address book",
};

/** A native node: its HELLOs carry a block, each issued later than the one before. */
export class Native extends Puppet {
  /** Which of its processes speaks. */
  incarnation = 1;
  /** Whom it lists. */
  lists: readonly PeerEntry[] = [{ nodeId: "me", address: "10.0.0.1", port: PORT }];
  #issued = NOW_SECONDS;

  /** Its next HELLO, as a request. */
  greeting(): Uint8Array {
    this.#issued += 1;
    return this.nativeHello({ incarnation: this.incarnation, issued: this.#issued });
  }

  /** Its answer to a HELLO of the core, from a clock that is so far ahead of its others. */
  greetingBack(call: Sent, aheadSeconds = 0): Uint8Array {
    this.#issued += 1;
    const { incarnation } = this;
    const answers = nonceOf(call.payload);
    return this.nativeHello({
      incarnation,
      issued: this.#issued + aheadSeconds,
      role: "answer",
      answered: answers,
    });
  }

  override join(core: LoneCore, state = this.state(NOW_SECONDS, "{}")): this {
    core.ask(MessageType.HELLO, this.greeting(), this.address);
    this.answerCalls(core, state);
    return this;
  }

  override answerCalls(core: LoneCore, state = this.state(NOW_SECONDS, "{}")): void {
    for (let round = 0; round < 20; round += 1) {
      const call = core.open.find(({ to }) => to.address === this.address);
      if (call === undefined) return;
      this.answerOne(core, call, state);
    }
  }

  answerOne(core: LoneCore, call: Sent, state = this.state(NOW_SECONDS, "{}")): void {
    core.reply(call, answered(this.#answerTo(call, state)));
  }

  #answerTo(call: Sent, state: Uint8Array): Uint8Array {
    const { type } = call;
    if (isNativeType(type)) throw new Error(`${this.nodeId} has no session to answer ${type} on`);
    switch (type) {
      case MessageType.HELLO:
        return this.greetingBack(call);
      case MessageType.UPDATE:
        return state;
      case MessageType.PEERS:
        return this.peers(this.lists);
      case MessageType.PING:
        return new Uint8Array();
      case MessageType.DATA:
        return new TextEncoder().encode("OK");
    }
  }
}

/** Open calls to an address, by type. */
export function callsTo(core: LoneCore, address: string): AnyType[] {
  return core.open.filter(({ to }) => to.address === address).map(({ type }) => type);
}

/** Answers every open call to an address alike. */
export function replyAll(core: LoneCore, address: string, reply: Reply): void {
  for (const call of core.open.filter(({ to }) => to.address === address)) core.reply(call, reply);
}

/** How a peer came and went, in order. */
export function comings(core: LoneCore, nodeId: string): string[] {
  return core.events.flatMap((event) =>
    (event.name === "peer:join" || event.name === "peer:leave") && event.member.nodeId === nodeId
      ? [event.name]
      : [],
  );
}
