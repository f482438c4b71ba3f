/**
 * Finds frames in the bytes of a session, however they are cut.
 *
 * A frame that lies whole in one chunk is handed over where it lies. Of others the beginning is
 * kept, but for slices, which are handed over as they come: their bytes are copied once, to where
 * they belong.
 * @module
 */
import {
  byteAt,
  FRAME_BYTES_MAX,
  FrameKind,
  HEADER_BYTES,
  LENGTH_BYTES,
  SLICE_BYTES_MAX,
  uint32At,
} from "./session-frame.ts";

/** Who takes frames. What it is handed are views that it may keep. */
export interface FrameSink {
  /** `content` is from `start` to `end` of `bytes`. @returns false to end reading. */
  onFrame(kind: number, id: number, bytes: Uint8Array, start: number, end: number): boolean;
  /** Some bytes of the content of a SLICE. @returns false to end reading. */
  onSlice(bytes: Uint8Array, start: number, end: number): boolean;
  /** What came is no frame, or too large. */
  onMalformed(why: string): void;
}

const NOTHING = new Uint8Array(0);
/** Room for the beginning of a frame, at first. */
const PARTIAL_BYTES_MIN = 512;

export class FrameReader {
  /** May be replaced at any time: the next frame goes to the new one. */
  sink: FrameSink;
  /** Of a whole frame. */
  frameBytesMax = FRAME_BYTES_MAX;
  /** The beginning of a frame that is not whole; `#kept` bytes of it are there. */
  #partial: Uint8Array = NOTHING;
  #kept = 0;
  /** Bytes of the frame, or of its header as long as that is not whole. */
  #wanted = 0;
  /** Bytes of a slice that are still to come. */
  #sliceLeft = 0;
  #ended = false;

  constructor(sink: FrameSink) {
    this.sink = sink;
  }

  /** Takes the next bytes. After the sink has ended reading, nothing happens any more. */
  read(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#ended) {
      if (this.#sliceLeft > 0) at = this.#readSlice(chunk, at);
      else if (this.#kept > 0) at = this.#complete(chunk, at);
      else at = this.#readFrame(chunk, at);
    }
  }

  /** A frame that begins at `at`. @returns where the next one begins. */
  #readFrame(chunk: Uint8Array, at: number): number {
    const available = chunk.length - at;
    if (available < HEADER_BYTES) return this.#keep(chunk, at, HEADER_BYTES);
    const whole = LENGTH_BYTES + uint32At(chunk, at);
    if (!this.#isSound(whole, byteAt(chunk, at + 4))) return chunk.length;
    const start = at + HEADER_BYTES;
    if (byteAt(chunk, at + 4) === FrameKind.SLICE) {
      this.#sliceLeft = whole - HEADER_BYTES;
      return start;
    }
    if (available < whole) return this.#keep(chunk, at, whole);
    this.#hand(chunk, at, at + whole);
    return at + whole;
  }

  #readSlice(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#sliceLeft);
    this.#sliceLeft -= end - at;
    if (!this.sink.onSlice(chunk, at, end)) this.#ended = true;
    return end;
  }

  /** The beginning of a frame. @param wanted Bytes of all of it, or of its header. */
  #keep(chunk: Uint8Array, at: number, wanted: number): number {
    this.#wanted = wanted;
    return this.#add(chunk, at, chunk.length);
  }

  /** Adds to the frame that is not whole, its header first. */
  #complete(chunk: Uint8Array, at: number): number {
    const end = this.#add(chunk, at, Math.min(chunk.length, at + this.#wanted - this.#kept));
    if (this.#kept === this.#wanted) this.#onWanted();
    return end;
  }

  /** Memory grows with what has come: a length alone costs nothing. */
  #add(chunk: Uint8Array, at: number, end: number): number {
    const kept = this.#kept + end - at;
    if (kept > this.#partial.length) {
      const grown = new Uint8Array(Math.min(this.#wanted, Math.max(PARTIAL_BYTES_MIN, 4 * kept)));
      grown.set(this.#partial.subarray(0, this.#kept));
      this.#partial = grown;
    }
    this.#partial.set(chunk.subarray(at, end), this.#kept);
    this.#kept = kept;
    return end;
  }

  /** Its header is there, or all of it. */
  #onWanted(): void {
    const partial = this.#partial;
    const whole = LENGTH_BYTES + uint32At(partial, 0);
    const kind = byteAt(partial, 4);
    if (this.#wanted === HEADER_BYTES && !this.#isSound(whole, kind)) return;
    if (kind !== FrameKind.SLICE && whole > this.#wanted) {
      this.#wanted = whole;
      return;
    }
    this.#partial = NOTHING;
    this.#kept = 0;
    if (kind === FrameKind.SLICE) this.#sliceLeft = whole - HEADER_BYTES;
    else this.#hand(partial, 0, whole);
  }

  #isSound(whole: number, kind: number): boolean {
    const bytesMax = kind === FrameKind.SLICE ? HEADER_BYTES + SLICE_BYTES_MAX : this.frameBytesMax;
    const empty = kind === FrameKind.SLICE && whole === HEADER_BYTES;
    if (whole >= HEADER_BYTES && whole <= bytesMax && !empty) return true;
    this.#ended = true;
    this.sink.onMalformed(`a frame of ${whole} bytes`);
    return false;
  }

  #hand(bytes: Uint8Array, at: number, end: number): void {
    const kind = byteAt(bytes, at + 4);
    if (!this.sink.onFrame(kind, uint32At(bytes, at + 5), bytes, at + HEADER_BYTES, end)) {
      this.#ended = true;
    }
  }
}
