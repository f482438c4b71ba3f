import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeRefusal,
  encodeFrame,
  encodeRefusal,
  FRAME_BYTES_MAX,
  FrameKind,
  HEADER_BYTES,
  putHeader,
  SLICE_BYTES_MAX,
} from "../../../src/transport/session-frame.ts";
import { FrameReader, type FrameSink } from "../../../src/transport/session-frame-reader.ts";

/** What was read, slices put together again. */
class Recorder implements FrameSink {
  readonly seen: string[] = [];
  malformed: string | undefined;
  goOn = true;
  #slice = "";
  frames = 0;

  onFrame(kind: number, id: number, bytes: Uint8Array, start: number, end: number): boolean {
    this.flush();
    this.frames++;
    this.seen.push(`${kind} ${id} ${hex(bytes.subarray(start, end))}`);
    return this.goOn;
  }

  onSlice(bytes: Uint8Array, start: number, end: number): boolean {
    this.#slice += hex(bytes.subarray(start, end));
    return this.goOn;
  }

  onMalformed(why: string): void {
    this.malformed = why;
  }

  flush(): this {
    if (this.#slice !== "") this.seen.push(`slice ${this.#slice}`);
    this.#slice = "";
    return this;
  }
}

const content = (length: number, seed = 0) =>
  new Uint8Array(length).map((_, index) => (index * 7 + seed) & 0xff);

const FRAMES = [
  encodeFrame(FrameKind.READY, 0, content(0)),
  encodeFrame(FrameKind.REQUEST, 1, content(1)),
  encodeFrame(FrameKind.ANSWER, 0xffff_fffe, content(100, 3)),
  encodeFrame(FrameKind.SLICE, 7, content(300, 5)),
  encodeFrame(FrameKind.DRAIN, 0, content(0)),
  encodeFrame(FrameKind.SLICE, 7, content(1, 9)),
  encodeFrame(FrameKind.REFUSAL, 3, encodeRefusal(404, "nö")),
];
const EXPECTED = [
  `${FrameKind.READY} 0 `,
  `${FrameKind.REQUEST} 1 ${hex(content(1))}`,
  `${FrameKind.ANSWER} 4294967294 ${hex(content(100, 3))}`,
  `slice ${hex(content(300, 5))}`,
  `${FrameKind.DRAIN} 0 `,
  `slice ${hex(content(1, 9))}`,
  `${FrameKind.REFUSAL} 3 ${hex(encodeRefusal(404, "nö"))}`,
];
const ALL = Buffer.concat(FRAMES);

function read(chunks: Iterable<Uint8Array>): Recorder {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder);
  for (const chunk of chunks) reader.read(chunk);
  return recorder.flush();
}

function* pieces(bytes: Uint8Array, cuts: readonly number[]): Iterable<Uint8Array> {
  let start = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    yield bytes.subarray(start, cut);
    start = cut;
  }
  yield bytes.subarray(start);
}

describe("FrameReader", () => {
  it("reads many frames of one chunk", () => {
    expect(read([ALL]).seen).toEqual(EXPECTED);
  });

  it("reads frames that come byte by byte", () => {
    expect(read([...ALL].map((byte) => Uint8Array.of(byte))).seen).toEqual(EXPECTED);
  });

  it("reads frames that are cut anywhere", () => {
    for (let cut = 0; cut <= ALL.length; cut++) {
      expect(read(pieces(ALL, [cut])).seen).toEqual(EXPECTED);
    }
    const cuts = fc.array(fc.nat(ALL.length), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, (at) => {
        expect(read(pieces(ALL, at)).seen).toEqual(EXPECTED);
      }),
    );
  });

  it("hands over a frame where it lies, without a copy", () => {
    let seen: Uint8Array | undefined;
    const recorder = new Recorder();
    recorder.onFrame = (_kind, _id, bytes) => {
      seen = bytes;
      return true;
    };
    new FrameReader(recorder).read(ALL);
    expect(seen).toBe(ALL);
  });

  it("hands over no frame of which a byte is missing", () => {
    for (const [index, frame] of FRAMES.entries()) {
      if (EXPECTED[index]?.startsWith("slice") === true) continue;
      for (let length = 0; length < frame.length; length++) {
        expect(read([frame.subarray(0, length)]).seen).toEqual([]);
      }
    }
  });

  it("refuses a length too short for a header", () => {
    for (const length of [0, 1, 4]) {
      const bytes = new Uint8Array(HEADER_BYTES);
      bytes[0] = length;
      expect(read([bytes]).malformed).toBeDefined();
      expect(read([...bytes].map((byte) => Uint8Array.of(byte))).malformed).toBeDefined();
    }
  });

  it("refuses a frame over the limit at its header, and one just within it not", () => {
    const header = new Uint8Array(HEADER_BYTES);
    putHeader(header, 0, FrameKind.ANSWER, 1, FRAME_BYTES_MAX - HEADER_BYTES + 1);
    expect(read([header]).malformed).toBe(`a frame of ${FRAME_BYTES_MAX + 1} bytes`);
    expect(read(pieces(header, [3])).malformed).toBeDefined();
    const full = encodeFrame(FrameKind.ANSWER, 1, new Uint8Array(FRAME_BYTES_MAX - HEADER_BYTES));
    expect(read([full])).toMatchObject({ malformed: undefined, frames: 1 });
  });

  it("refuses slices that are empty or too long", () => {
    for (const length of [0, SLICE_BYTES_MAX + 1]) {
      const header = new Uint8Array(HEADER_BYTES);
      putHeader(header, 0, FrameKind.SLICE, 1, length);
      expect(read([header]).malformed).toBeDefined();
      expect(read(pieces(header, [5])).malformed).toBeDefined();
    }
    const full = encodeFrame(FrameKind.SLICE, 1, content(SLICE_BYTES_MAX));
    expect(read([full])).toMatchObject({ malformed: undefined });
  });

  it("reads nothing after its sink has ended reading, or after what is malformed", () => {
    const recorder = new Recorder();
    const reader = new FrameReader(recorder);
    recorder.goOn = false;
    reader.read(ALL);
    reader.read(ALL);
    expect(recorder.frames).toBe(1);
    const broken = Buffer.concat([new Uint8Array(HEADER_BYTES), ALL]);
    expect(read([broken, ALL])).toMatchObject({ frames: 0 });
  });

  it("gives the next frame to a sink that has taken over", () => {
    const [first, second] = [new Recorder(), new Recorder()];
    const reader = new FrameReader(first);
    first.onFrame = () => {
      reader.sink = second;
      return true;
    };
    reader.read(ALL);
    expect(second.flush().seen).toEqual(EXPECTED.slice(1));
  });

  it("crashes on no bytes whatever", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => void read(chunks)),
    );
  });
});

describe("A refusal", () => {
  it("keeps status and text", () => {
    expect(decodeRefusal(encodeRefusal(505, 'mismatch "ä"'))).toEqual({
      status: 505,
      text: 'mismatch "ä"',
    });
  });

  it("cuts a long text, never inside a character", () => {
    const text = decodeRefusal(encodeRefusal(400, "€".repeat(1000)))?.text;
    expect(text).toBe("€".repeat(341));
  });

  it("is none without a status", () => {
    expect(decodeRefusal(Uint8Array.of(1))).toBeUndefined();
  });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
