/**
 * Sessions that are being opened: one attempt at a time for each node, or address.
 * @module
 */
import { formatAddress, sameAddress, type Target } from "../wire/exchange.ts";
import type { FailureReason } from "./carrier.ts";
import type { SessionAsk } from "./session-ask.ts";
import { type DialOptions, type DialResult, SessionDial } from "./session-dial.ts";

export interface DialsOptions {
  /** How to dial now; undefined as long as we cannot say who we are. */
  readonly options: () => Omit<DialOptions, "onResult"> | undefined;
  /** A session is open; the asks are the receiver's. */
  readonly onLive: (to: Target, result: DialResult & { kind: "live" }, asks: SessionAsk[]) => void;
  /** Try again with another address that was asked for meanwhile. */
  readonly onOther: (ask: SessionAsk) => void;
}

export class SessionDials {
  readonly #options: DialsOptions;
  readonly #dials = new Map<string, SessionDial>();

  constructor(options: DialsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#dials.size;
  }

  /** The request waits for a session with its target. */
  add(ask: SessionAsk): void {
    const key = keyOf(ask.to);
    const known = this.#dials.get(key);
    if (known === undefined) this.#dial(key, ask);
    else known.add(ask);
  }

  #dial(key: string, ask: SessionAsk): void {
    const options = this.#options.options();
    if (options === undefined) {
      queueMicrotask(() => ask.fail("unreachable", "this node does not take part in sessions yet"));
      return;
    }
    const onResult = (dial: SessionDial, result: DialResult) => this.#onResult(key, dial, result);
    const dial = new SessionDial(ask.to, { ...options, onResult });
    this.#dials.set(key, dial);
    dial.add(ask);
    dial.start();
  }

  /** Those that wait for a node with which there is a session now. */
  take(nodeId: string): SessionAsk[] {
    const dial = this.#dials.get(nodeKey(nodeId));
    return dial === undefined ? [] : takeAll(dial);
  }

  close(detail: string): void {
    for (const dial of [...this.#dials.values()]) dial.abort(detail);
  }

  #onResult(key: string, dial: SessionDial, result: DialResult): void {
    this.#dials.delete(key);
    const asks = takeAll(dial);
    if (result.kind === "live") {
      this.#options.onLive(dial.to, result, asks);
      return;
    }
    for (const ask of asks) {
      if (!sameAddress(ask.to, dial.to) && !isOver(result)) this.#options.onOther(ask);
      else if (result.kind === "refused") ask.settle(result);
      else ask.fail(result.reason, result.detail);
    }
  }
}

function isOver(result: DialResult): boolean {
  const closed: FailureReason = "closed";
  return result.kind === "failed" && result.reason === closed;
}

function takeAll(dial: SessionDial): SessionAsk[] {
  const asks = [...dial.asks];
  dial.asks.clear();
  for (const ask of asks) ask.holder = undefined;
  return asks;
}

function keyOf(to: Target): string {
  return to.peer === undefined ? `at ${formatAddress(to)}` : nodeKey(to.peer.nodeId);
}

function nodeKey(nodeId: string): string {
  return `to ${nodeId}`;
}
