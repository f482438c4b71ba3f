/** Bytes that a second implementation must write as well; computed apart from this code once. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { deriveSessionKey } from "../../../src/crypto/session-key.ts";
import { encodeFrame, FrameKind, HEADER_BYTES } from "../../../src/transport/session-frame.ts";
import { FrameReader } from "../../../src/transport/session-frame-reader.ts";
import { Lanes, WRITE_BYTES_MAX } from "../../../src/transport/session-lanes.ts";
import { Lane, Outgoing } from "../../../src/transport/session-outgoing.ts";
import { WriteBuffers } from "../../../src/transport/session-write-buffers.ts";
import {
  authSignedPart,
  decodeAuth,
  encodeAuth,
  encodeAuthBody,
} from "../../../src/wire/session-auth.ts";
import { fromHex, toHex } from "../../vectors.ts";

interface SessionVectors {
  readonly keys: readonly { networkKey: string | null; psk: string; identity: string }[];
  readonly auth: {
    readonly nodeId: string;
    readonly publicKey: string;
    readonly incarnation: string;
    readonly versionMin: number;
    readonly versionMax: number;
    readonly features: readonly string[];
    readonly exporter: string;
    readonly body: string;
    readonly signed: { readonly dialler: string; readonly acceptor: string };
    readonly signature: string;
    readonly content: string;
  };
  readonly frames: readonly {
    readonly name: string;
    readonly kind: number;
    readonly id: number;
    readonly content: string;
    readonly frame: string;
  }[];
}

const path = new URL("../../vectors-native/session.json", import.meta.url);
const { keys, auth, frames } = JSON.parse(readFileSync(path, "utf8")) as SessionVectors;

describe("The vectors of sessions", () => {
  it("have the secrets of a network key, and of none", () => {
    for (const { networkKey, psk, identity } of keys) {
      const derived = deriveSessionKey(networkKey === null ? undefined : fromHex(networkKey));
      expect({ psk: toHex(derived.psk), identity: derived.identity }).toEqual({ psk, identity });
    }
  });

  it("have an AUTH, and what its signature covers", () => {
    const body = encodeAuthBody({
      ...auth,
      publicKey: fromHex(auth.publicKey),
      incarnation: fromHex(auth.incarnation),
    });
    expect(toHex(body)).toBe(auth.body);
    for (const role of ["dialler", "acceptor"] as const) {
      expect(toHex(authSignedPart(role, body, fromHex(auth.exporter)))).toBe(auth.signed[role]);
    }
    expect(toHex(encodeAuth(body, fromHex(auth.signature)))).toBe(auth.content);
    expect(decodeAuth(fromHex(auth.content)).auth).toMatchObject({ nodeId: auth.nodeId });
  });

  it("have each kind of frame", () => {
    expect([...new Set(frames.map(({ kind }) => kind))].sort((a, b) => a - b)).toEqual(
      Object.values(FrameKind),
    );
    for (const { name, kind, id, content, frame } of frames) {
      expect(name).toContain(Object.entries(FrameKind).find(([, one]) => one === kind)?.[0]);
      expect(toHex(encodeFrame(kind as FrameKind, id, fromHex(content)))).toBe(frame);
      let read = "";
      new FrameReader({
        onFrame: (gotKind, gotId, bytes, start, end) => {
          read = `${gotKind} ${gotId} ${toHex(bytes.subarray(start, end))}`;
          return true;
        },
        onSlice: (bytes, start, end) => {
          read = `${FrameKind.SLICE} ${id} ${toHex(bytes.subarray(start, end))}`;
          return true;
        },
        onMalformed: (why) => {
          throw new Error(why);
        },
      }).read(fromHex(frame));
      expect(read).toBe(`${kind} ${id} ${content}`);
    }
  });

  it("are what a session sends", () => {
    const write = (frame: Outgoing) => {
      const lanes = new Lanes({ laneBytesMax: 1e6, bulkBytesMax: 1e6 }, 1e6);
      lanes.push(frame);
      return toHex(lanes.fill(new WriteBuffers(WRITE_BYTES_MAX)));
    };
    const find = (start: string) => frames.find(({ name }) => name.startsWith(start))?.frame ?? "";
    const { REQUEST, ANSWER } = FrameKind;
    const request = new Outgoing(Lane.MESSAGES, REQUEST, 2, 17, fromHex("6869"));
    expect(write(request)).toBe(find("REQUEST: BYTES"));
    const answer = new Outgoing(Lane.MESSAGES, ANSWER, 2, 17, fromHex("6f6b"));
    expect(write(answer)).toBe(find("ANSWER"));
    const beginDigits = 2 * (HEADER_BYTES + 6);
    const bulk = new Outgoing(Lane.BULK, REQUEST, 4, 17, new Uint8Array(20_000));
    expect(write(bulk).slice(0, beginDigits)).toBe(find("BEGIN: a request"));
    const bulkAnswer = new Outgoing(Lane.BULK, ANSWER, 5, 18, new Uint8Array(100_000));
    expect(write(bulkAnswer).slice(0, beginDigits)).toBe(find("BEGIN: an answer"));
  });
});
