/**
 * Frames, the pieces that a session is made of inside TLS. Integers are little endian.
 *
 *     uint32   length            of what follows: 5 and more
 *     uint8    kind
 *     uint32   id                of the request that it belongs to; 0 where it belongs to none
 *     …        content
 *
 * `docs/protocol.md`, Sessions.
 * @module
 */

/** APPEND ONLY: numbers are the wire. */
export const FrameKind = {
  /** Who the sender is: `wire/session-auth.ts`. */
  AUTH: 1,
  /** The receiver of this has proved itself and is let in. */
  READY: 2,
  /** Type byte, payload. */
  REQUEST: 3,
  /** Payload. */
  ANSWER: 4,
  /** uint16 status, text. With id 0: the other side is not let in. */
  REFUSAL: 5,
  /** uint8 purpose, type byte, uint32 size: a message that follows in slices. */
  BEGIN: 6,
  /** The next bytes of the message begun last. */
  SLICE: 7,
  /** The message begun last ends here, unfinished. */
  CUT: 8,
  /** uint32 bytes of slices that may be sent beyond those granted before. */
  CREDIT: 9,
  /** The sender does not wait for this answer any more. */
  CANCEL: 10,
  /** The sender asks nothing more on this session, and waits for no answer on it. */
  DRAIN: 11,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** What a message in slices is. */
export const Purpose = { REQUEST: 1, ANSWER: 2 } as const;

export const HEADER_BYTES = 9;
/** The length field does not count itself. */
export const LENGTH_BYTES = 4;
/** Of the content of a SLICE; and of a payload that is sent in one frame, but for those below. */
export const SLICE_BYTES_MAX = 16 * 1024;
/** Of the payload of a message of the lane for liveness, which is never cut into slices. */
export const WHOLE_BYTES_MAX = 64 * 1024 + 65;
/** Of any frame of a live session, its length field included. */
export const FRAME_BYTES_MAX = HEADER_BYTES + 1 + WHOLE_BYTES_MAX;
/** Of a frame before both sides have proved themselves. */
export const HANDSHAKE_FRAME_BYTES_MAX = 4 * 1024;
/** Content of BEGIN. */
export const BEGIN_BYTES = 6;
/** Content of CREDIT. */
export const CREDIT_BYTES = 4;
/** Largest text of a refusal that is sent; a longer one is cut. */
export const REFUSAL_TEXT_BYTES_MAX = 1024;

/** Writes the header of a frame at `at`. @returns where its content goes. */
export function putHeader(
  to: Uint8Array,
  at: number,
  kind: FrameKind,
  id: number,
  contentBytes: number,
): number {
  putUint32(to, at, HEADER_BYTES - LENGTH_BYTES + contentBytes);
  to[at + 4] = kind;
  putUint32(to, at + 5, id);
  return at + HEADER_BYTES;
}

export function putUint32(to: Uint8Array, at: number, value: number): void {
  to[at] = value;
  to[at + 1] = value >>> 8;
  to[at + 2] = value >>> 16;
  to[at + 3] = value >>> 24;
}

/** The caller has checked that the four bytes are there. */
export function uint32At(from: Uint8Array, at: number): number {
  const low = byteAt(from, at) | (byteAt(from, at + 1) << 8) | (byteAt(from, at + 2) << 16);
  return low + byteAt(from, at + 3) * 0x1000000;
}

export function byteAt(from: Uint8Array, at: number): number {
  return from[at] ?? 0;
}

/** One frame on its own, for those that are sent once or twice in a session. */
export function encodeFrame(kind: FrameKind, id: number, content: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + content.length);
  frame.set(content, putHeader(frame, 0, kind, id, content.length));
  return frame;
}

/** The content of a REFUSAL. A longer text is cut, never inside a character. */
export function encodeRefusal(status: number, text: string): Uint8Array {
  const room = new Uint8Array(2 + REFUSAL_TEXT_BYTES_MAX);
  room[0] = status;
  room[1] = status >>> 8;
  const { written } = utf8.encodeInto(text, room.subarray(2));
  return room.slice(0, 2 + written);
}

/** `undefined` when it is cut short. Text that is not UTF-8 is shown as well as it can be. */
export function decodeRefusal(content: Uint8Array): { status: number; text: string } | undefined {
  if (content.length < 2) return undefined;
  const status = byteAt(content, 0) | (byteAt(content, 1) << 8);
  const text = Buffer.from(content.buffer, content.byteOffset + 2, content.length - 2);
  return { status, text: text.toString("utf8") };
}

const utf8 = new TextEncoder();
