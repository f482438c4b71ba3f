import { describe, expect, it } from "vitest";
import { FrameKind, HEADER_BYTES, SLICE_BYTES_MAX } from "../../../src/transport/session-frame.ts";
import { FrameReader, type FrameSink } from "../../../src/transport/session-frame-reader.ts";
import { Lanes, WRITE_BYTES_MAX } from "../../../src/transport/session-lanes.ts";
import { Lane, laneOf, Outgoing } from "../../../src/transport/session-outgoing.ts";
import { WriteBuffers } from "../../../src/transport/session-write-buffers.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { NativeType } from "../../../src/wire/native-type.ts";

const LIMITS = { laneBytesMax: 100_000, bulkBytesMax: 64 * 1024 * 1024 };
const buffers = new WriteBuffers(WRITE_BYTES_MAX);

const frame = (lane: Lane, id: number, length = 10) =>
  new Outgoing(lane, FrameKind.ANSWER, id, NativeType.BYTES, new Uint8Array(length).fill(id));

/** What goes into the next writes, by name: `answer 3`, `slice 16384`. */
function write(lanes: Lanes, writes = 1): string[] {
  const seen: string[] = [];
  let slice = 0;
  const flush = () => {
    if (slice > 0) seen.push(`slice ${slice}`);
    slice = 0;
  };
  const names = Object.fromEntries(
    Object.entries(FrameKind).map(([name, kind]) => [kind, name.toLowerCase()]),
  );
  const sink: FrameSink = {
    onFrame: (kind, id) => {
      flush();
      return seen.push(id === 0 ? (names[kind] ?? "") : `${names[kind]} ${id}`) > 0;
    },
    onSlice: (_, start, end) => {
      slice += end - start;
      return true;
    },
    onMalformed: (why) => {
      throw new Error(why);
    },
  };
  const reader = new FrameReader(sink);
  for (let count = 0; count < writes && lanes.ready; count++) {
    const filled = lanes.fill(buffers);
    reader.read(filled.slice());
    buffers.give(filled);
  }
  flush();
  return seen;
}

describe("Outgoing", () => {
  const head = Uint8Array.of(1, 2, 3);
  const payload = Uint8Array.of(4, 5, 6, 7);

  it.each([
    [0, 7],
    [0, 2],
    [1, 3],
    [2, 5],
    [3, 7],
    [4, 6],
    [3, 3],
  ])("copies its bytes from %d to %d, the head first", (start, end) => {
    const one = new Outgoing(Lane.BULK, FrameKind.REQUEST, 1, NativeType.BYTES, payload, head);
    expect(one.length).toBe(7);
    const target = new Uint8Array(9).fill(9);
    one.copy(target, 1, start, end);
    const expected = new Uint8Array(9).fill(9);
    expected.set(Uint8Array.of(1, 2, 3, 4, 5, 6, 7).slice(start, end), 1);
    expect(target).toEqual(expected);
  });
});

describe("laneOf()", () => {
  it("sorts messages by what they are for, and large ones apart", () => {
    expect(laneOf(MessageType.PING, 1)).toBe(Lane.LIVENESS);
    expect(laneOf(MessageType.HELLO, 64 * 1024)).toBe(Lane.LIVENESS);
    expect(laneOf(NativeType.RELAY, 64 * 1024)).toBe(Lane.LIVENESS);
    expect(laneOf(MessageType.UPDATE, 100)).toBe(Lane.STATE);
    expect(laneOf(NativeType.DIGEST, SLICE_BYTES_MAX)).toBe(Lane.STATE);
    expect(laneOf(NativeType.DIGEST, SLICE_BYTES_MAX + 1)).toBe(Lane.BULK);
    expect(laneOf(MessageType.DATA, 100)).toBe(Lane.MESSAGES);
    expect(laneOf(NativeType.BYTES, SLICE_BYTES_MAX + 1)).toBe(Lane.BULK);
  });
});

describe("Lanes", () => {
  it("send all that waits in one write, liveness first, each lane in its order", () => {
    const lanes = new Lanes(LIMITS, 0);
    for (const lane of [Lane.MESSAGES, Lane.STATE, Lane.LIVENESS]) {
      lanes.push(frame(lane, lane * 10 + 1));
      lanes.push(frame(lane, lane * 10 + 2));
    }
    expect(write(lanes)).toEqual([
      "answer 1",
      "answer 2",
      "answer 11",
      "answer 12",
      "answer 21",
      "answer 22",
    ]);
    expect(lanes.ready).toBe(false);
    expect(lanes.empty).toBe(true);
  });

  it("let what is small overtake 64 MB, which goes on behind it", () => {
    const lanes = new Lanes(LIMITS, 256 * 1024);
    lanes.push(frame(Lane.BULK, 1, 64 * 1024 * 1024));
    expect(write(lanes)[0]).toBe("begin 1");
    lanes.push(frame(Lane.MESSAGES, 2));
    lanes.push(frame(Lane.LIVENESS, 3));
    const seen = write(lanes);
    expect(seen.slice(0, 2)).toEqual(["answer 3", "answer 2"]);
    expect(seen[2]).toMatch(/^slice /);
  });

  it("give bulk a slice of each write, however many messages wait", () => {
    const lanes = new Lanes({ ...LIMITS, laneBytesMax: 10_000_000 }, 1_000_000);
    lanes.push(frame(Lane.BULK, 1, 100_000));
    for (let id = 2; id < 500; id++) lanes.push(frame(Lane.MESSAGES, id, 4_000));
    for (let id = 500; id < 900; id++) lanes.push(frame(Lane.STATE, id, 4_000));
    const seen = write(lanes);
    expect(seen.some((name) => name.startsWith("slice "))).toBe(true);
    expect(seen.some((name) => name === "answer 2")).toBe(true);
    expect(seen.some((name) => name === "answer 500")).toBe(true);
  });

  it("send slices within their credit only, to the last byte", () => {
    const lanes = new Lanes(LIMITS, 20_000);
    lanes.push(frame(Lane.BULK, 1, 50_000));
    expect(write(lanes, 10)).toEqual(["begin 1", "slice 20000"]);
    expect(lanes.ready).toBe(false);
    expect(lanes.credited(30_000, 50_000)).toBe(true);
    expect(write(lanes, 10)).toEqual(["slice 30000"]);
    expect(lanes.empty).toBe(true);
  });

  it("tell credit that cannot be", () => {
    const lanes = new Lanes(LIMITS, 100);
    expect(lanes.credited(401, 500)).toBe(false);
  });

  it("send large messages one after the other", () => {
    const lanes = new Lanes(LIMITS, 1_000_000);
    lanes.push(frame(Lane.BULK, 1, 30_000));
    lanes.push(frame(Lane.BULK, 2, 40_000));
    expect(write(lanes, 10)).toEqual(["begin 1", "slice 30000", "begin 2", "slice 40000"]);
  });

  it("bring every byte, in its place", () => {
    const lanes = new Lanes(LIMITS, 1_000_000);
    const payload = new Uint8Array(200_000).map((_, index) => (index * 31) & 0xff);
    lanes.push(new Outgoing(Lane.BULK, FrameKind.REQUEST, 1, NativeType.BYTES, payload));
    const pieces: Uint8Array[] = [];
    const reader = new FrameReader({
      onFrame: () => true,
      onSlice: (bytes, start, end) => pieces.push(bytes.slice(start, end)) > 0,
      onMalformed: () => undefined,
    });
    while (lanes.ready) reader.read(lanes.fill(buffers).slice());
    expect(Buffer.compare(Buffer.concat(pieces), payload)).toBe(0);
  });

  it("are bounded, each on its own; one message alone always fits", () => {
    const lanes = new Lanes(LIMITS, 0);
    expect(lanes.push(frame(Lane.MESSAGES, 1, 90_000))).toBe(true);
    expect(lanes.push(frame(Lane.MESSAGES, 2, 20_000))).toBe(false);
    expect(lanes.push(frame(Lane.STATE, 3, 20_000))).toBe(true);
    expect(lanes.push(frame(Lane.BULK, 4, 60 * 1024 * 1024))).toBe(true);
    expect(lanes.push(frame(Lane.BULK, 5, 60 * 1024 * 1024))).toBe(false);
    expect(new Lanes(LIMITS, 0).push(frame(Lane.BULK, 6, 70 * 1024 * 1024))).toBe(true);
    expect(lanes.bytes).toBe(90_000 + 20_000 + 2 * HEADER_BYTES + 60 * 1024 * 1024);
  });

  it("have room for small refusals beyond that, but not for ever", () => {
    const lanes = new Lanes(LIMITS, 0);
    lanes.push(frame(Lane.MESSAGES, 1, 99_000));
    let refusals = 0;
    while (lanes.pushSmall(frame(Lane.MESSAGES, 2, 100))) refusals++;
    expect(refusals).toBeGreaterThan(500);
    expect(lanes.bytes).toBeLessThanOrEqual(2 * LIMITS.laneBytesMax);
  });

  it("skip what is not wanted any more, and let go of it at once", () => {
    const lanes = new Lanes(LIMITS, 1_000_000);
    const frames = [1, 2, 3].map((id) => frame(Lane.MESSAGES, id, 1000));
    for (const one of frames) lanes.push(one);
    const [first, second] = frames;
    if (first === undefined || second === undefined) throw new Error("no frames");
    lanes.drop(second);
    lanes.drop(second);
    expect(second.length).toBe(0);
    expect(lanes.bytes).toBe(2 * (1000 + HEADER_BYTES));
    expect(write(lanes)).toEqual(["answer 1", "answer 3"]);
    lanes.drop(first);
    expect(lanes.bytes).toBe(0);
  });

  it("cut a large message that is not wanted any more, and go on with the next", () => {
    const lanes = new Lanes(LIMITS, 20_000);
    const unwanted = frame(Lane.BULK, 1, 50_000);
    lanes.push(unwanted);
    expect(write(lanes, 10)).toEqual(["begin 1", "slice 20000"]);
    lanes.drop(unwanted);
    lanes.push(frame(Lane.BULK, 2, 17_000));
    lanes.credited(100_000, 1_000_000);
    expect(write(lanes, 10)).toEqual(["cut", "begin 2", "slice 17000"]);
  });

  it("say nothing of a large message that had not been begun", () => {
    const lanes = new Lanes(LIMITS, 1_000_000);
    const unwanted = frame(Lane.BULK, 1, 50_000);
    lanes.push(unwanted);
    lanes.drop(unwanted);
    lanes.drop(unwanted);
    expect(lanes.ready).toBe(false);
    expect(lanes.empty).toBe(true);
  });

  it("say all credit in one frame", () => {
    const lanes = new Lanes(LIMITS, 0);
    lanes.grant(100);
    lanes.grant(200);
    const filled = lanes.fill(buffers);
    expect(Buffer.from(filled).toString("hex")).toBe("0900000009000000002c010000");
    expect(lanes.ready).toBe(false);
  });

  it("go through thousands of frames without keeping them", () => {
    const lanes = new Lanes({ ...LIMITS, laneBytesMax: 1e9 }, 0);
    for (let id = 1; id <= 20_000; id++) lanes.push(frame(Lane.MESSAGES, id, 3));
    const seen = write(lanes, 1000);
    expect(seen).toHaveLength(20_000);
    expect(seen[12_345]).toBe("answer 12346");
    expect(lanes.empty).toBe(true);
  });
});
