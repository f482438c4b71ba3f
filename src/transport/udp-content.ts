/**
 * What is inside a sealed datagram.
 *
 *     id(4) what(1) …
 *     what 0: confirm    zeros: the salts are known, and datagrams of full size pass
 *     what 1: request    type(1) payload
 *     what 2: answer     type(1) payload
 *     what 3: refusal    status(2) text
 *     what 4: elsewhere  there is no answer here: ask over HTTP
 *     what 5: taken      the request has come, its answer is not made yet
 *
 * Integers are little endian, as on the Python wire. APPEND ONLY: numbers are the wire.
 * @module
 */
import { MessageType } from "../wire/message-type.ts";
import { CONTENT_BYTES_MAX } from "./udp-datagram.ts";

interface Framed {
  readonly id: number;
  readonly type: MessageType;
  readonly payload: Uint8Array;
}

export type UdpRequest = { readonly what: "request" } & Framed;

export type UdpContent =
  | UdpRequest
  | ({ readonly what: "answer" } & Framed)
  | {
      readonly what: "refusal";
      readonly id: number;
      readonly status: number;
      readonly text: string;
    }
  | { readonly what: "confirm" | "elsewhere" | "taken"; readonly id: number };

const WHAT = { confirm: 0, request: 1, answer: 2, refusal: 3, elsewhere: 4, taken: 5 } as const;
const HEAD_BYTES = 5;

const FRAMED_HEAD_BYTES = HEAD_BYTES + 1;

/** The largest payload of a request or answer that a datagram can carry. */
export const PAYLOAD_BYTES_MAX = CONTENT_BYTES_MAX - FRAMED_HEAD_BYTES;

const TYPES: ReadonlySet<number> = new Set(Object.values(MessageType));

/** In memory of its own. */
export function encodeContent(content: UdpContent): Uint8Array {
  switch (content.what) {
    case "request":
    case "answer": {
      const bytes = start(content, FRAMED_HEAD_BYTES + content.payload.length);
      bytes[HEAD_BYTES] = content.type;
      bytes.set(content.payload, FRAMED_HEAD_BYTES);
      return bytes;
    }
    case "refusal": {
      const text = Buffer.from(content.text);
      const bytes = start(content, HEAD_BYTES + 2 + text.length);
      bytes.writeUInt16LE(content.status, HEAD_BYTES);
      bytes.set(text, HEAD_BYTES + 2);
      return bytes;
    }
    case "confirm":
    case "elsewhere":
    case "taken":
      return start(content, HEAD_BYTES);
  }
}

/**
 * @param id Of the try; its answer has the same.
 * @param length Of the whole content, which zeros fill.
 */
export function encodeConfirm(id: number, length: number): Uint8Array {
  return start({ what: "confirm", id }, length);
}

/** Views of `bytes`, or `undefined` for what is no content. Never throws. */
export function decodeContent(bytes: Uint8Array): UdpContent | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const id = view.getUint32(0, true);
  switch (view.getUint8(4)) {
    case WHAT.confirm:
      return { what: "confirm", id };
    case WHAT.request:
      return framed("request", id, bytes);
    case WHAT.answer:
      return framed("answer", id, bytes);
    case WHAT.refusal: {
      if (bytes.length < HEAD_BYTES + 2) return undefined;
      const status = view.getUint16(HEAD_BYTES, true);
      const text = Buffer.from(bytes.subarray(HEAD_BYTES + 2)).toString();
      return { what: "refusal", id, status, text };
    }
    case WHAT.elsewhere:
      return { what: "elsewhere", id };
    case WHAT.taken:
      return { what: "taken", id };
    default:
      return undefined;
  }
}

function framed<What extends "request" | "answer">(what: What, id: number, bytes: Uint8Array) {
  const type = bytes[HEAD_BYTES];
  if (type === undefined || !TYPES.has(type)) return undefined;
  return { what, id, type: type as MessageType, payload: bytes.subarray(FRAMED_HEAD_BYTES) };
}

function start({ what, id }: Pick<UdpContent, "what" | "id">, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32LE(id);
  bytes[4] = WHAT[what];
  return bytes;
}
