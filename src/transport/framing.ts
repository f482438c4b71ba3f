/**
 * What travels on HTTP and in memory: one type byte, then the payload, sealed together.
 *
 * Source: `docs/protocol.md`, message and envelope.
 * @module
 */
import type { Seal } from "../crypto/seal.ts";
import { MessageType } from "../wire/message-type.ts";
import type { Outcome } from "./carrier.ts";

/** Present at once, or when the thread pool is done with it. */
export type Eventually<T> = T | Promise<T>;

/** How a request is refused on the wire. */
export interface WireRefusal {
  readonly status: number;
  readonly text: string;
  /** True for the one answer that must not be told from its likes, not by its timing either. */
  readonly uniform: boolean;
}

/** All that the reference ever sends in a PING. */
const PING_PAYLOAD_BYTE = 0x20;

const KEY_REFUSED: WireRefusal = {
  status: 401,
  text: "Missing or incorrect encryption key",
  uniform: true,
};

const NOT_FRAMED: WireRefusal = { status: 400, text: "", uniform: false };

/** Frames and seals one message. The result shares no memory with `payload`. */
export function sealMessage(
  seal: Seal,
  type: MessageType,
  payload: Uint8Array,
): Eventually<Uint8Array> {
  const plaintext = Buffer.allocUnsafe(1 + payload.length);
  plaintext[0] = type;
  plaintext.set(payload, 1);
  return seal.seal(plaintext);
}

/**
 * The payload of a request that came on the path of `type`, or `undefined` when it does not open,
 * is empty or is of another type.
 *
 * With a network key a PING must be exactly what the reference sends. CBC has no authentication
 * code, so an answer to any other content would tell a stranger that a forged envelope opened.
 */
export function openRequest(
  seal: Seal,
  type: MessageType,
  body: Uint8Array,
): Eventually<Uint8Array | undefined> {
  return whenDone(seal.open(body), (plaintext) => {
    const payload = unframe(type, plaintext);
    const strict = seal.secret && type === MessageType.PING;
    return strict && payload !== undefined && !isPingPayload(payload) ? undefined : payload;
  });
}

/** The payload of an answer to a request of `type`, or `undefined` when it is no such answer. */
export function openAnswer(
  seal: Seal,
  type: MessageType,
  body: Uint8Array,
): Eventually<Uint8Array | undefined> {
  return whenDone(seal.open(body), (plaintext) => unframe(type, plaintext));
}

/** The refusal of a request that {@link openRequest} could not open. */
export function unopenedRefusal(seal: Seal): WireRefusal {
  return seal.secret ? KEY_REFUSED : NOT_FRAMED;
}

/**
 * What the asker is told. On a network with a key every refusal before a signature has verified
 * is the same one (defect D11).
 */
export function wireRefusal(
  seal: Seal,
  { status, text, authenticated }: Extract<Outcome, { kind: "refusal" }>,
): WireRefusal {
  if (seal.secret && !authenticated) return KEY_REFUSED;
  const isError = Number.isInteger(status) && status >= 400 && status <= 599;
  return isError ? { status, text, uniform: false } : { status: 500, text: "", uniform: false };
}

/** Goes on with a value, at once if it is there. */
export function whenDone<T, R>(value: Eventually<T>, next: (value: T) => R): Eventually<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

function unframe(type: MessageType, plaintext: Uint8Array | undefined): Uint8Array | undefined {
  return plaintext?.[0] === type ? plaintext.subarray(1) : undefined;
}

function isPingPayload(payload: Uint8Array): boolean {
  return payload.length === 1 && payload[0] === PING_PAYLOAD_BYTE;
}
