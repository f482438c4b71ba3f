/**
 * One frame, or one message in slices, on its way out of a session.
 * @module
 */
import { MessageType } from "../wire/message-type.ts";
import { type AnyType, NativeType } from "../wire/native-type.ts";
import { FrameKind, HEADER_BYTES, SLICE_BYTES_MAX, WHOLE_BYTES_MAX } from "./session-frame.ts";

/** Frames of one lane keep their order; a lower number goes first. */
export const Lane = { LIVENESS: 0, STATE: 1, MESSAGES: 2, BULK: 3 } as const;
export type Lane = (typeof Lane)[keyof typeof Lane];
export const LANES = 4;

const LANE_OF_TYPE: readonly Lane[] = laneTable({
  [MessageType.HELLO]: Lane.LIVENESS,
  [MessageType.PING]: Lane.LIVENESS,
  [NativeType.ALIVE]: Lane.LIVENESS,
  [NativeType.RELAY]: Lane.LIVENESS,
  [MessageType.PEERS]: Lane.STATE,
  [MessageType.UPDATE]: Lane.STATE,
  [NativeType.STATES]: Lane.STATE,
  [NativeType.DIGEST]: Lane.STATE,
  [NativeType.MEMBERS]: Lane.STATE,
  // Behind the last versions of who leaves.
  [NativeType.LEAVE]: Lane.STATE,
  [NativeType.OFFER]: Lane.STATE,
  [NativeType.INTRODUCE]: Lane.STATE,
  [MessageType.DATA]: Lane.MESSAGES,
  [NativeType.BYTES]: Lane.MESSAGES,
});

function laneTable(lanes: Readonly<Record<AnyType, Lane>>): Lane[] {
  const table: Lane[] = [];
  for (const [type, lane] of Object.entries(lanes)) table[Number(type)] = lane;
  return table;
}

/** Where a message or the answer to it waits: large ones together, those about life excepted. */
export function laneOf(type: AnyType, payloadBytes: number): Lane {
  const lane = LANE_OF_TYPE[type] ?? Lane.MESSAGES;
  const wholeMax = lane === Lane.LIVENESS ? WHOLE_BYTES_MAX : SLICE_BYTES_MAX;
  return payloadBytes <= wholeMax ? lane : Lane.BULK;
}

const NOTHING = new Uint8Array(0);

export class Outgoing {
  readonly lane: Lane;
  readonly kind: FrameKind;
  readonly id: number;
  /** Of a request, or of the request that is answered; 0 for frames that are no message. */
  readonly type: number;
  #head: Uint8Array;
  #payload: Uint8Array;
  /** Of head and payload together. */
  #length: number;
  /** Of a message in slices: bytes written so far, -1 before BEGIN. */
  offset = -1;
  /** Handed to the connection to its last byte: the other side may have it. */
  written = false;
  /** Not wanted any more: to be skipped. */
  dropped = false;

  /**
   * @param payload Not copied before it is written: it must not change until then.
   * @param head Goes before it.
   */
  constructor(
    lane: Lane,
    kind: FrameKind,
    id: number,
    type: number,
    payload: Uint8Array,
    head: Uint8Array = NOTHING,
  ) {
    this.lane = lane;
    this.kind = kind;
    this.id = id;
    this.type = type;
    this.#payload = payload;
    this.#head = head;
    this.#length = head.length + payload.length;
  }

  /** Bytes of the message. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of the frame; of a message in slices, those of the message. */
  get size(): number {
    if (this.lane === Lane.BULK) return this.#length;
    return HEADER_BYTES + (this.kind === FrameKind.REQUEST ? 1 : 0) + this.#length;
  }

  /** Copies the bytes of the message from `start` to `end` into `target`. */
  copy(target: Uint8Array, at: number, start: number, end: number): void {
    const head = this.#head.subarray(start, end);
    target.set(head, at);
    const from = Math.max(0, start - this.#head.length);
    const to = Math.max(0, end - this.#head.length);
    target.set(this.#payload.subarray(from, to), at + head.length);
  }

  /** Lets go of the message, which a queue may hold on to for a while. */
  release(): void {
    this.#head = NOTHING;
    this.#payload = NOTHING;
    this.#length = 0;
  }
}
