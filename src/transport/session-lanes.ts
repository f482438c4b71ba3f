/**
 * The four lanes of a session, and what of them goes into the next write.
 *
 * Liveness goes first. State and messages share what is left, so that neither starves the other;
 * bulk gets the rest, and at least one slice, within its credit: so whatever is small waits
 * behind no more than that credit and one write.
 * @module
 */
import {
  BEGIN_BYTES,
  CREDIT_BYTES,
  FRAME_BYTES_MAX,
  FrameKind,
  HEADER_BYTES,
  Purpose,
  putHeader,
  putUint32,
  SLICE_BYTES_MAX,
} from "./session-frame.ts";
import { LaneQueue } from "./session-lane.ts";
import { Lane, type Outgoing } from "./session-outgoing.ts";
import type { BufferSource } from "./session-write-buffers.ts";

/** Of one write; any frame fits. */
export const WRITE_BYTES_MAX = 80 * 1024;
/** What state may take of a write while messages wait, and both while bulk does. */
const STATE_SHARE_BYTES = 24 * 1024;
const SMALL_SHARE_BYTES = 48 * 1024;
/** A slice is cut shorter than it could be only if this much is left of the write. */
const SLICE_BYTES_MIN = 2 * 1024;
const BEGIN_FRAME_BYTES = HEADER_BYTES + BEGIN_BYTES;
const CREDIT_FRAME_BYTES = HEADER_BYTES + CREDIT_BYTES;
const CUT_FRAME_BYTES = HEADER_BYTES;

export interface LaneLimits {
  readonly laneBytesMax: number;
  readonly bulkBytesMax: number;
}

export class Lanes {
  readonly #limits: LaneLimits;
  readonly #liveness = new LaneQueue();
  readonly #state = new LaneQueue();
  readonly #messages = new LaneQueue();
  readonly #bulk = new LaneQueue();
  /** Bytes of slices that the other side takes. */
  #credit: number;
  /** Credit that we grant, to be told. */
  #granting = 0;
  /** A message was begun that is not wanted any more, which is to be told. */
  #cutting = false;
  #buffer: Uint8Array = new Uint8Array(0);
  #at = 0;
  #room = 0;

  constructor(limits: LaneLimits, credit: number) {
    this.#limits = limits;
    this.#credit = credit;
  }

  /** @returns false, and takes nothing, when the lane is full. */
  push(frame: Outgoing): boolean {
    const queue = this.#queue(frame.lane);
    const { laneBytesMax, bulkBytesMax } = this.#limits;
    const bytesMax = frame.lane === Lane.BULK ? bulkBytesMax : laneBytesMax;
    // One alone always fits: a limit must not make a message impossible.
    if (queue.bytes > 0 && queue.bytes + frame.size > bytesMax) return false;
    queue.push(frame);
    return true;
  }

  /** For answers of a few bytes, which replace larger ones: they have room beyond the limit. */
  pushSmall(frame: Outgoing): boolean {
    const queue = this.#queue(frame.lane);
    if (queue.bytes + frame.size > 2 * this.#limits.laneBytesMax) return false;
    queue.push(frame);
    return true;
  }

  /** Nobody waits for it any more. What was written is not taken back. */
  drop(frame: Outgoing): void {
    if (frame.written || frame.dropped) return;
    if (frame.offset >= 0) this.#cutting = true;
    this.#queue(frame.lane).drop(frame);
  }

  /** The other side takes so many bytes more. @returns false when that cannot be. */
  credited(bytes: number, creditMax: number): boolean {
    this.#credit += bytes;
    return this.#credit <= creditMax;
  }

  grant(bytes: number): void {
    this.#granting += bytes;
  }

  /** Whether {@link fill} would give anything. */
  get ready(): boolean {
    return this.#smallBytes > 0 || this.#cutting || this.#granting > 0 || this.#bulkReady;
  }

  /** Whether everything has been written. */
  get empty(): boolean {
    return this.#smallBytes === 0 && !this.#cutting && this.#bulk.bytes === 0;
  }

  /** Bytes that wait, slices included. */
  get bytes(): number {
    return this.#smallBytes + this.#bulk.bytes;
  }

  get #smallBytes(): number {
    return this.#liveness.bytes + this.#state.bytes + this.#messages.bytes;
  }

  get #bulkReady(): boolean {
    return this.#bulk.bytes > 0 && this.#credit > 0;
  }

  /** The next write: all that waits, or as much as fits. Ask only if {@link ready}. */
  fill(buffers: BufferSource): Uint8Array {
    const control = CREDIT_FRAME_BYTES + CUT_FRAME_BYTES;
    const all = control + this.#smallBytes;
    this.#buffer = buffers.take(this.#bulkReady ? WRITE_BYTES_MAX : Math.min(all, WRITE_BYTES_MAX));
    this.#at = 0;
    this.#room = this.#buffer.length;
    this.#putControl();
    this.#putAll(this.#liveness, this.#room);
    const bulk = this.#bulkReady;
    const shared = bulk ? Math.min(this.#room, SMALL_SHARE_BYTES) : this.#room;
    const spare = this.#room - shared;
    const others = this.#messages.bytes > 0;
    const state = others ? Math.min(shared, STATE_SHARE_BYTES) : shared;
    this.#putAll(this.#state, state);
    this.#putAll(this.#messages, this.#room - spare);
    if (bulk) this.#putBulk();
    const filled = this.#buffer.subarray(0, this.#at);
    this.#buffer = NOTHING;
    return filled;
  }

  #putControl(): void {
    if (this.#granting > 0) {
      const at = this.#header(FrameKind.CREDIT, 0, CREDIT_BYTES);
      putUint32(this.#buffer, at, this.#granting);
      this.#granting = 0;
    }
    if (this.#cutting) this.#header(FrameKind.CUT, 0, 0);
    this.#cutting = false;
  }

  /** Frames of one lane, while they fit into `bytes`. */
  #putAll(queue: LaneQueue, bytes: number): void {
    const least = this.#room - Math.max(0, bytes);
    for (let frame = queue.first(); frame !== undefined; frame = queue.first()) {
      if (frame.size > this.#room - least) return;
      this.#put(frame);
      queue.shift(frame);
    }
  }

  #put(frame: Outgoing): void {
    const { kind, id, type, length } = frame;
    const isRequest = kind === FrameKind.REQUEST;
    const start = this.#header(kind, id, length + (isRequest ? 1 : 0));
    if (isRequest) this.#buffer[start] = type;
    frame.copy(this.#buffer, isRequest ? start + 1 : start, 0, length);
  }

  #putBulk(): void {
    for (let frame = this.#bulk.first(); frame !== undefined; frame = this.#bulk.first()) {
      if (frame.offset < 0) {
        if (this.#room < BEGIN_FRAME_BYTES) return;
        this.#begin(frame);
      }
      while (frame.offset < frame.length) {
        if (!this.#slice(frame)) return;
      }
      this.#bulk.shift(frame);
    }
  }

  #begin(frame: Outgoing): void {
    const at = this.#header(FrameKind.BEGIN, frame.id, BEGIN_BYTES);
    this.#buffer[at] = frame.kind === FrameKind.REQUEST ? Purpose.REQUEST : Purpose.ANSWER;
    this.#buffer[at + 1] = frame.type;
    putUint32(this.#buffer, at + 2, frame.length);
    frame.offset = 0;
  }

  /** @returns whether there was room and credit for another one. */
  #slice(frame: Outgoing): boolean {
    const left = frame.length - frame.offset;
    const whole = Math.min(left, SLICE_BYTES_MAX, this.#credit);
    const length = Math.min(whole, this.#room - HEADER_BYTES);
    if (length <= 0 || (length < whole && length < SLICE_BYTES_MIN)) return false;
    const start = this.#header(FrameKind.SLICE, frame.id, length);
    frame.copy(this.#buffer, start, frame.offset, frame.offset + length);
    frame.offset += length;
    this.#credit -= length;
    return true;
  }

  /** @returns where the content goes, for which room is taken as well. */
  #header(kind: FrameKind, id: number, contentBytes: number): number {
    const start = putHeader(this.#buffer, this.#at, kind, id, contentBytes);
    this.#at = start + contentBytes;
    this.#room = this.#buffer.length - this.#at;
    return start;
  }

  #queue(lane: Lane): LaneQueue {
    if (lane === Lane.LIVENESS) return this.#liveness;
    if (lane === Lane.STATE) return this.#state;
    return lane === Lane.MESSAGES ? this.#messages : this.#bulk;
  }
}

const NOTHING = new Uint8Array(0);

if (WRITE_BYTES_MAX < FRAME_BYTES_MAX + CREDIT_FRAME_BYTES + CUT_FRAME_BYTES) {
  throw new RangeError("a frame does not fit a write");
}
