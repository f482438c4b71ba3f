/** Peers that make others hold, or make, more than they take or send themselves. */
import { afterEach, describe, expect, it } from "vitest";
import type { CarrierListener } from "../../../src/transport/carrier.ts";
import type { SessionLimits } from "../../../src/transport/limits.ts";
import { encodeFrame, FrameKind, SLICE_BYTES_MAX } from "../../../src/transport/session-frame.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { type AnyType, NativeType } from "../../../src/wire/native-type.ts";
import { createIdentity, SessionNode } from "../../contract/session-nodes.ts";
import { eventually } from "../../helpers/eventually.ts";
import { dialled, type RawSession } from "../../helpers/raw-session.ts";

const KEY = new Uint8Array(16).fill(1);
const MIB = 1024 * 1024;

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function victim(
  onRequest: CarrierListener<AnyType>["onRequest"],
  limits: Partial<SessionLimits> = {},
): Promise<{ node: SessionNode; raw: RawSession }> {
  const node = new SessionNode({ networkKey: KEY, limits });
  undo.push(() => node.close());
  await node.listen({ address: "127.0.0.1", port: 0 }, { onRequest });
  const raw = await dialled(node.at, KEY, createIdentity("raw"));
  undo.push(() => raw.socket.destroy());
  return { node, raw };
}

function requests(type: AnyType, count: number): Buffer {
  const frame = (index: number) => encodeFrame(FrameKind.REQUEST, index + 1, Uint8Array.of(type));
  return Buffer.concat(Array.from({ length: count }, (_, index) => frame(index)));
}

/** Grants what has come, as a receiver does. @returns what ends it. */
function grants(raw: RawSession): () => void {
  let granted = 0;
  const timer = setInterval(() => {
    if (raw.sliceBytes === granted) return;
    const credit = Buffer.alloc(4);
    credit.writeUInt32LE(raw.sliceBytes - granted);
    granted = raw.sliceBytes;
    raw.send(FrameKind.CREDIT, 0, credit);
  }, 1);
  return () => clearInterval(timer);
}

describe("A peer that takes no answers", () => {
  it.each([NativeType.DIGEST, NativeType.MEMBERS])(
    "gets few large ones, for type %d",
    async (type) => {
      let made = 0;
      let last = 0;
      const { node, raw } = await victim(({ type: asked }, respond) => {
        if (asked === type) made += 1;
        else last += 1;
        respond({ kind: "answer", payload: new Uint8Array(asked === type ? 4 * MIB : 1) });
      });
      raw.socket.pause();
      raw.socket.write(requests(type, 500));
      raw.socket.write(encodeFrame(FrameKind.REQUEST, 1_000, Uint8Array.of(MessageType.PING)));
      await eventually(() => expect(last).toBe(1));
      // Those that wait, and those that the connection took meanwhile.
      expect(made).toBeLessThan(20);
      expect(node.session.load.waitingBytes).toBeLessThan(20 * MIB);
      // Once it takes them it gets more.
      raw.socket.resume();
      undo.push(grants(raw));
      await eventually(() => expect(node.session.load.waitingBytes).toBe(0));
      const before = made;
      raw.send(FrameKind.REQUEST, 2_000, Uint8Array.of(type));
      await eventually(() => expect(made).toBe(before + 1));
    },
  );

  it("and gives them up, one by one, has only those given up", async () => {
    const { node, raw } = await victim((_request, respond) =>
      respond({ kind: "answer", payload: new Uint8Array(4 * MIB) }),
    );
    raw.socket.pause();
    raw.socket.write(requests(MessageType.PEERS, 20));
    await eventually(() => expect(node.session.load.waitingBytes).toBeGreaterThan(60 * MIB));
    const before = node.session.load.waitingBytes;
    raw.send(FrameKind.CANCEL, 20);
    raw.send(FrameKind.CANCEL, 20);
    raw.send(FrameKind.CANCEL, 1_000);
    await eventually(() => expect(node.session.load.waitingBytes).toBeLessThan(before - 3 * MIB));
    expect(node.session.load.waitingBytes).toBeGreaterThan(before - 8 * MIB);
  });
});

describe("A message in slices", () => {
  const limits = { bodyGraceMs: 400, bodyBytesPerSecondMin: 16 * MIB };

  const begin = (size: number) => {
    const content = Buffer.alloc(6);
    content[0] = 1;
    content[1] = NativeType.BYTES;
    content.writeUInt32LE(size, 2);
    return content;
  };

  it("that nobody goes on with gives its memory back, and is refused", async () => {
    const { node, raw } = await victim(
      (_request, respond) => respond({ kind: "answer", payload: new Uint8Array(1) }),
      limits,
    );
    raw.send(FrameKind.BEGIN, 1, begin(64 * MIB));
    raw.send(FrameKind.SLICE, 1, new Uint8Array(SLICE_BYTES_MAX));
    await eventually(() => expect(node.session.load.incomingBytes).toBeGreaterThan(0));
    // Words on other lanes earn it nothing.
    const words = setInterval(() => raw.send(FrameKind.CANCEL, 7), 50);
    undo.push(() => clearInterval(words));
    await eventually(() => expect(raw.seen).toContain(`${FrameKind.REFUSAL} 1 503`));
    expect(node.session.load.incomingBytes).toBe(0);
    // What still comes of it is skipped, and the session goes on.
    for (let slice = 1; slice < 4; slice += 1) {
      raw.send(FrameKind.SLICE, 1, new Uint8Array(SLICE_BYTES_MAX));
    }
    raw.send(FrameKind.REQUEST, 2, Uint8Array.of(MessageType.PING));
    await eventually(() => expect(raw.seen).toContain(`${FrameKind.ANSWER} 2`));
    expect(node.session.load.incomingBytes).toBe(0);
  });

  it("is not too slow where this process was late itself", async () => {
    let came = 0;
    const { raw, node } = await victim(({ payload }, respond) => {
      came = payload.length;
      respond({ kind: "answer", payload: new Uint8Array(1) });
    }, limits);
    raw.send(FrameKind.BEGIN, 1, begin(4 * SLICE_BYTES_MAX));
    raw.send(FrameKind.SLICE, 1, new Uint8Array(SLICE_BYTES_MAX));
    await eventually(() => expect(node.session.load.incomingBytes).toBeGreaterThan(0));
    // The program computes meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 900);
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (let slice = 1; slice < 4; slice += 1) {
      raw.send(FrameKind.SLICE, 1, new Uint8Array(SLICE_BYTES_MAX));
    }
    await eventually(() => expect(came).toBe(4 * SLICE_BYTES_MAX));
  });

  it("may take as long as what comes of it earns", async () => {
    let came = 0;
    const { raw } = await victim(
      ({ payload }, respond) => {
        came = payload.length;
        respond({ kind: "answer", payload: new Uint8Array(1) });
      },
      { ...limits, bodyBytesPerSecondMin: SLICE_BYTES_MAX },
    );
    raw.send(FrameKind.BEGIN, 1, begin(3 * SLICE_BYTES_MAX));
    const startMs = performance.now();
    for (let slice = 0; slice < 3; slice += 1) {
      // Each earns a second.
      raw.send(FrameKind.SLICE, 1, new Uint8Array(SLICE_BYTES_MAX));
      if (slice < 2) await new Promise((resolve) => setTimeout(resolve, 350));
    }
    await eventually(() => expect(came).toBe(3 * SLICE_BYTES_MAX));
    expect(performance.now() - startMs).toBeGreaterThan(limits.bodyGraceMs);
    expect(raw.closed).toBe(false);
  });
});
