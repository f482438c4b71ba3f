/** When frames of a session are written, and how many at once. */
import type { TLSSocket } from "node:tls";
import { describe, expect, it } from "vitest";
import { FrameKind } from "../../../src/transport/session-frame.ts";
import { Lanes } from "../../../src/transport/session-lanes.ts";
import { SendingTurn, SessionLink } from "../../../src/transport/session-link.ts";
import { Lane, Outgoing } from "../../../src/transport/session-outgoing.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { until } from "../../contract/carrier.ts";

const LIMITS = { laneBytesMax: 100_000, bulkBytesMax: 1_000_000 };

/** Takes what is written; a test says when each write is done. */
class FakeSocket {
  readonly writes: Uint8Array[] = [];
  readonly #done: (() => void)[] = [];

  write(bytes: Uint8Array, done: () => void): void {
    this.writes.push(bytes.slice());
    this.#done.push(done);
  }

  finish(): void {
    this.#done.shift()?.();
  }
}

const turn = new SendingTurn();
const endOfTurn = () => new Promise((resolve) => setImmediate(resolve));

function open(): { socket: FakeSocket; link: SessionLink } {
  const socket = new FakeSocket();
  const link = new SessionLink(socket as unknown as TLSSocket, new Lanes(LIMITS, 65_536), turn);
  return { socket, link };
}

const frame = (id: number) =>
  new Outgoing(Lane.STATE, FrameKind.ANSWER, id, NativeType.STATES, new Uint8Array(10));
const FRAME_BYTES = frame(1).size;

describe("A session link", () => {
  it("writes all of one turn at its end, in one piece", async () => {
    const { socket, link } = open();
    for (const id of [1, 2, 3]) link.send(frame(id));
    expect(socket.writes).toEqual([]);
    await Promise.resolve();
    await endOfTurn();
    expect(socket.writes.map(({ length }) => length)).toEqual([3 * FRAME_BYTES]);
  });

  it("writes what came during a write when that is done", async () => {
    const { socket, link } = open();
    link.send(frame(1));
    await endOfTurn();
    link.send(frame(2));
    link.send(frame(3));
    await endOfTurn();
    expect(socket.writes).toHaveLength(1);
    socket.finish();
    expect(socket.writes.map(({ length }) => length)).toEqual([FRAME_BYTES, 2 * FRAME_BYTES]);
  });

  it("lets what can wait go with what cannot", async () => {
    const { socket, link } = open();
    link.sendPatiently(frame(1));
    link.sendPatiently(frame(2));
    await endOfTurn();
    expect(socket.writes).toEqual([]);
    link.send(frame(3));
    await endOfTurn();
    expect(socket.writes.map(({ length }) => length)).toEqual([3 * FRAME_BYTES]);
  });

  it("sends what can wait a moment later, if nothing else is sent", async () => {
    const { socket, link } = open();
    link.sendPatiently(frame(1));
    link.sendPatiently(frame(2));
    await until(() => socket.writes.length > 0);
    expect(socket.writes.map(({ length }) => length)).toEqual([2 * FRAME_BYTES]);
    socket.finish();
    link.sendPatiently(frame(3));
    await until(() => socket.writes.length > 1);
  });

  it("does not let sixteen wait", async () => {
    const { socket, link } = open();
    for (let id = 1; id <= 15; id += 1) link.sendPatiently(frame(id));
    await endOfTurn();
    expect(socket.writes).toEqual([]);
    link.sendPatiently(frame(16));
    await endOfTurn();
    expect(socket.writes.map(({ length }) => length)).toEqual([16 * FRAME_BYTES]);
  });
});
