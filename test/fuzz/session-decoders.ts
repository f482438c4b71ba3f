/**
 * What comes on a session, as the decoders see it: AUTH, and frames however they are cut.
 * @module
 */

import { MalformedError } from "../../src/errors.ts";
import { encodeFrame, FrameKind } from "../../src/transport/session-frame.ts";
import { FrameReader } from "../../src/transport/session-frame-reader.ts";
import { decodeAuth, encodeAuth, encodeAuthBody } from "../../src/wire/session-auth.ts";
import { type DecoderTarget, demand, sameBytes, type Verdict } from "./decoders.ts";

const AUTH = encodeAuth(
  encodeAuthBody({
    nodeId: "nöde-1",
    publicKey: new Uint8Array(64).fill(1),
    incarnation: new Uint8Array(16).fill(2),
    versionMin: 1,
    versionMax: 1,
    features: ["udp", "a feature"],
  }),
  new Uint8Array(64).fill(3),
);

const FRAMES = Buffer.concat([
  encodeFrame(FrameKind.AUTH, 0, AUTH),
  encodeFrame(FrameKind.READY, 0, new Uint8Array(0)),
  encodeFrame(FrameKind.REQUEST, 1, Uint8Array.of(17, 1, 2, 3)),
  encodeFrame(FrameKind.BEGIN, 2, Uint8Array.of(1, 17, 6, 0, 0, 0)),
  encodeFrame(FrameKind.SLICE, 2, Uint8Array.of(1, 2, 3, 4, 5, 6)),
  encodeFrame(FrameKind.ANSWER, 1, new Uint8Array(300).fill(5)),
]);

export const SESSION_DECODERS: readonly DecoderTarget[] = [
  { name: "session-auth", corpus: [AUTH], check: checkAuth },
  { name: "session-frames", corpus: [FRAMES], check: checkFrames },
];

function checkAuth(bytes: Uint8Array): Verdict {
  try {
    const { auth, body, signature } = decodeAuth(bytes);
    demand(sameBytes(body, bytes.subarray(4, 4 + body.length)), "the body is not what came");
    const again = encodeAuthBody(auth);
    demand(sameBytes(again, body.subarray(0, again.length)), "it is written otherwise");
    demand(signature.length === 64, "a signature of another length");
    return "read";
  } catch (error) {
    if (error instanceof MalformedError) return "refused";
    throw error;
  }
}

/** Read in one piece and in small ones it is the same. */
function checkFrames(bytes: Uint8Array): Verdict {
  const whole = read(bytes, bytes.length);
  for (const length of [7, 61]) {
    const cut = read(bytes, length);
    demand(sameBytes(whole.bytes, cut.bytes), "it depends on how it is cut");
    demand(whole.malformed === cut.malformed, "it depends on how it is cut whether it is refused");
  }
  return whole.malformed === undefined ? "read" : "refused";
}

function read(
  bytes: Uint8Array,
  length: number,
): { readonly bytes: Uint8Array; readonly malformed: string | undefined } {
  const seen: Uint8Array[] = [];
  let malformed: string | undefined;
  const reader = new FrameReader({
    onFrame: (kind, id, from, start, end) =>
      seen.push(encodeFrame(kind as FrameKind, id, from.subarray(start, end))) > 0,
    onSlice: (from, start, end) => seen.push(from.subarray(start, end)) > 0,
    onMalformed: (why) => {
      malformed = why;
    },
  });
  for (let at = 0; at < bytes.length; at += length) reader.read(bytes.subarray(at, at + length));
  return { bytes: Buffer.concat(seen), malformed };
}
