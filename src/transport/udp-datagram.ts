/**
 * The datagrams of the UDP carrier, byte by byte. `docs/protocol.md` has the same tables.
 *
 *     INIT       magic 01 saltA(16) zeros(16)                     asker → answerer
 *     CHALLENGE  magic 02 saltA(16) saltB(16)                     answerer → asker
 *     FIRST      magic 03 saltA(16) saltB(16) counter(8) sealed   asker → answerer
 *     REQUEST    magic 04 association(8) counter(8) sealed        asker → answerer
 *     ANSWER     magic 05 association(8) counter(8) sealed        answerer → asker
 *
 * A CHALLENGE is as long as its INIT, so that nobody can use a node to amplify a flood. Counters
 * are big endian, as in the nonces made from them.
 * @module
 */

/** Passes every path that IPv6 may take (1,280 bytes with its headers), and nearly all others. */
export const DATAGRAM_BYTES_MAX = 1_200;
export const SALT_BYTES = 16;
export const ASSOCIATION_BYTES = 8;
/** Of AES-GCM, at the end of a sealed part. */
export const TAG_BYTES = 16;

const MAGIC = 0x64_73_6e_75;
const KIND = { init: 1, challenge: 2, first: 3, request: 4, answer: 5 } as const;
const HEAD_BYTES = 5;
const COUNTER_BYTES = 8;
const HANDSHAKE_BYTES = HEAD_BYTES + 2 * SALT_BYTES;
const FIRST_HEAD_BYTES = HANDSHAKE_BYTES + COUNTER_BYTES;
const SEALED_HEAD_BYTES = HEAD_BYTES + ASSOCIATION_BYTES + COUNTER_BYTES;

/** Room for what is sealed in a FIRST, and in a REQUEST or ANSWER. */
export const FIRST_CONTENT_BYTES = DATAGRAM_BYTES_MAX - FIRST_HEAD_BYTES - TAG_BYTES;
export const CONTENT_BYTES_MAX = DATAGRAM_BYTES_MAX - SEALED_HEAD_BYTES - TAG_BYTES;

/** What a datagram with a sealed part has in common with others. */
export interface Sealed {
  readonly counter: number;
  /** All that comes before the sealed part: it is authenticated with it. */
  readonly head: Uint8Array;
  readonly sealed: Uint8Array;
}

interface Init {
  readonly kind: "init";
  readonly saltA: Uint8Array;
}

interface Challenge {
  readonly kind: "challenge";
  readonly saltA: Uint8Array;
  readonly saltB: Uint8Array;
}

export interface FirstDatagram extends Sealed {
  readonly kind: "first";
  readonly saltA: Uint8Array;
  readonly saltB: Uint8Array;
}

export interface RequestDatagram extends Sealed {
  readonly kind: "request";
  readonly association: Uint8Array;
}

export interface AnswerDatagram extends Sealed {
  readonly kind: "answer";
  readonly association: Uint8Array;
}

export type DatagramToAsker = Challenge | AnswerDatagram;
export type DatagramToAnswerer = Init | FirstDatagram | RequestDatagram;
export type Datagram = DatagramToAsker | DatagramToAnswerer;

/** To whom of both it goes is told by its kind alone. */
export function isForAsker(datagram: Datagram): datagram is DatagramToAsker {
  return datagram.kind === "challenge" || datagram.kind === "answer";
}

export function encodeInit(saltA: Uint8Array): Uint8Array {
  return start(KIND.init, HANDSHAKE_BYTES, saltA);
}

export function encodeChallenge(saltA: Uint8Array, saltB: Uint8Array): Uint8Array {
  return start(KIND.challenge, HANDSHAKE_BYTES, saltA, saltB);
}

export function encodeFirstHead(saltA: Uint8Array, saltB: Uint8Array, counter: number): Uint8Array {
  return withCounter(start(KIND.first, FIRST_HEAD_BYTES, saltA, saltB), counter);
}

export function encodeSealedHead(
  kind: "request" | "answer",
  association: Uint8Array,
  counter: number,
): Uint8Array {
  return withCounter(start(KIND[kind], SEALED_HEAD_BYTES, association), counter);
}

/** Views of `bytes`, or `undefined` for anything that is no datagram of ours. Never throws. */
export function decodeDatagram(bytes: Uint8Array): Datagram | undefined {
  if (bytes.length < HANDSHAKE_BYTES || bytes.length > DATAGRAM_BYTES_MAX) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== MAGIC) return undefined;
  const kind = view.getUint8(4);
  if (kind === KIND.request || kind === KIND.answer) {
    const part = sealedPart(bytes, view, SEALED_HEAD_BYTES);
    if (part === undefined) return undefined;
    const association = bytes.subarray(HEAD_BYTES, HEAD_BYTES + ASSOCIATION_BYTES);
    return { kind: kind === KIND.request ? "request" : "answer", association, ...part };
  }
  const saltA = bytes.subarray(HEAD_BYTES, HEAD_BYTES + SALT_BYTES);
  const saltB = bytes.subarray(HEAD_BYTES + SALT_BYTES, HANDSHAKE_BYTES);
  if (kind === KIND.first) {
    // Always of full size: that it arrives shows that others will.
    if (bytes.length !== DATAGRAM_BYTES_MAX) return undefined;
    const part = sealedPart(bytes, view, FIRST_HEAD_BYTES);
    return part === undefined ? undefined : { kind: "first", saltA, saltB, ...part };
  }
  if (bytes.length !== HANDSHAKE_BYTES) return undefined;
  if (kind === KIND.init) return { kind: "init", saltA };
  return kind === KIND.challenge ? { kind: "challenge", saltA, saltB } : undefined;
}

/** A name for bytes in maps. */
export function nameOfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function sealedPart(bytes: Uint8Array, view: DataView, headBytes: number): Sealed | undefined {
  if (bytes.length < headBytes + TAG_BYTES) return undefined;
  const high = view.getUint32(headBytes - COUNTER_BYTES);
  // Nobody sends 2^53 datagrams; a counter beyond is forged.
  if (high > 0x1f_ffff) return undefined;
  return {
    counter: high * 2 ** 32 + view.getUint32(headBytes - COUNTER_BYTES + 4),
    head: bytes.subarray(0, headBytes),
    sealed: bytes.subarray(headBytes),
  };
}

function start(kind: number, length: number, ...parts: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(MAGIC);
  bytes[4] = kind;
  let offset = HEAD_BYTES;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function withCounter(head: Buffer, counter: number): Buffer {
  head.writeUInt32BE(Math.floor(counter / 2 ** 32), head.length - COUNTER_BYTES);
  head.writeUInt32BE(counter % 2 ** 32, head.length - COUNTER_BYTES + 4);
  return head;
}
