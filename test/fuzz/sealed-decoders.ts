/**
 * Decoders that hold a key: envelopes, frames, datagrams, signatures. What is authenticated must
 * never pass once it was changed; what is not (CBC has no code) must open to what its bytes say.
 * @module
 */
import { createCipheriv } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { createAesCbcSeal, createPlainSeal } from "../../src/crypto/aes-cbc-seal.ts";
import { loadSignatureEngine } from "../../src/crypto/signatures.ts";
import { openAnswer, openRequest } from "../../src/transport/framing.ts";
import { UdpAssociation } from "../../src/transport/udp-association.ts";
import { Challenges } from "../../src/transport/udp-challenge.ts";
import {
  decodeContent,
  encodeConfirm,
  encodeContent,
  type UdpContent,
} from "../../src/transport/udp-content.ts";
import {
  CONTENT_BYTES_MAX,
  type Datagram,
  decodeDatagram,
  encodeChallenge,
  encodeFirstHead,
  encodeInit,
  encodeSealedHead,
  FIRST_CONTENT_BYTES,
} from "../../src/transport/udp-datagram.ts";
import { MessageType } from "../../src/wire/message-type.ts";
import { fromHex } from "../vectors.ts";
import { CORPUS, VECTOR_KEY } from "./corpus.ts";
import { type DecoderTarget, demand, sameBytes, type Verdict } from "./decoders.ts";

const key = fromHex(VECTOR_KEY);
const secret = createAesCbcSeal(key);
const plain = createPlainSeal();

const SALT_A = new Uint8Array(16).fill(0xaa);
const SALT_B = new Uint8Array(16).fill(0xbb);

const challenges = new Challenges(new Uint8Array(32).fill(7), () => 100_000);
const SOURCE = { address: "127.0.0.1", port: 9 };
const CHALLENGE = encodeChallenge(SALT_A, challenges.make(SALT_A, SOURCE));

const asker = new UdpAssociation(key, SALT_A, SALT_B, "asker");
const answerer = new UdpAssociation(key, SALT_A, SALT_B, "answerer");

const contents: readonly UdpContent[] = [
  { what: "request", id: 1, type: MessageType.PING, payload: Buffer.of(0x20) },
  { what: "answer", id: 2, type: MessageType.DATA, payload: Buffer.from("OK") },
  { what: "refusal", id: 3, status: 401, text: "Missing or incorrect encryption key" },
  { what: "elsewhere", id: 4 },
  { what: "taken", id: 5 },
];
const contentBytes = [
  ...contents.map(encodeContent),
  encodeConfirm(6, CONTENT_BYTES_MAX),
  ...CORPUS.data.map((payload) =>
    encodeContent({ what: "request", id: 7, type: MessageType.DATA, payload }),
  ),
];

/** What a tap between two nodes sees. All of it has arrived once: nothing may open again. */
const recorded = [
  asker.sealFirst(encodeConfirm(0, FIRST_CONTENT_BYTES)),
  ...contentBytes.filter(({ length }) => length < 1_000).map((bytes) => asker.seal(bytes)),
];
for (const bytes of recorded) {
  const datagram = decodeDatagram(bytes);
  if (datagram?.kind !== "first" && datagram?.kind !== "request") throw new Error("no datagram");
  if (answerer.open(datagram) === undefined) throw new Error("does not open");
}
const datagrams = [...recorded, encodeInit(SALT_A), CHALLENGE, answerer.seal(Buffer.from("x"))];

const engine = loadSignatureEngine();
const signed = CORPUS.signatures.map((one) => ({
  publicKey: fromHex(one.public),
  message: fromHex(one.message),
  signature: fromHex(one.signature),
}));
/** A key, a signature, and the message behind them. */
const signedBytes = signed.map(({ publicKey, message, signature }) =>
  Uint8Array.from(Buffer.concat([publicKey, signature, message])),
);

export const SEALED_DECODERS: readonly DecoderTarget[] = [
  { name: "aes-cbc-seal", corpus: [...CORPUS.envelopes, ...CORPUS.noise], check: checkEnvelope },
  { name: "framing", corpus: [...CORPUS.framed, ...CORPUS.envelopes], check: checkFraming },
  { name: "udp-datagram", corpus: datagrams, check: checkDatagram },
  { name: "udp-content", corpus: contentBytes, check: checkContent },
  { name: "udp-challenge", corpus: [CHALLENGE], check: checkChallenge },
  { name: "udp-association", corpus: recorded, check: checkAssociation },
  { name: "signature", corpus: signedBytes, check: checkSignature },
];

/** What opens is what its bytes decrypt to: sealed again under its IV, it is the same bytes. */
function checkEnvelope(bytes: Uint8Array): Verdict {
  const opened = atOnce(secret.open(bytes));
  if (opened === undefined) return "refused";
  const cipher = createCipheriv("aes-128-cbc", key, bytes.subarray(0, 16));
  const again = Buffer.concat([bytes.subarray(0, 16), cipher.update(opened), cipher.final()]);
  demand(sameBytes(again, bytes), "it is sealed otherwise");
  return "read";
}

function checkFraming(bytes: Uint8Array): Verdict {
  let verdict: Verdict = "refused";
  for (const type of Object.values(MessageType)) {
    for (const open of [openRequest, openAnswer]) {
      const payload = atOnce(open(plain, type, bytes));
      demand((payload !== undefined) === (bytes[0] === type), "a frame of another type");
      if (payload !== undefined) {
        demand(sameBytes(payload, bytes.subarray(1)), "the payload is not what came");
        verdict = "read";
      }
    }
    const ping = type === MessageType.PING ? atOnce(openRequest(secret, type, bytes)) : undefined;
    demand(ping === undefined || sameBytes(ping, Buffer.of(0x20)), "a PING that is none");
  }
  return verdict;
}

function checkDatagram(bytes: Uint8Array): Verdict {
  const datagram = decodeDatagram(bytes);
  if (datagram === undefined) return "refused";
  demand(sameBytes(encodeDatagram(datagram), bytes), "it is written otherwise");
  return "read";
}

function encodeDatagram(datagram: Datagram): Uint8Array {
  switch (datagram.kind) {
    case "init":
      // The zeros of an INIT are room for the answer, and not looked at.
      return Buffer.concat([encodeInit(datagram.saltA).subarray(0, 21), rest(datagram.saltA)]);
    case "challenge":
      return encodeChallenge(datagram.saltA, datagram.saltB);
    case "first": {
      const head = encodeFirstHead(datagram.saltA, datagram.saltB, datagram.counter);
      return Buffer.concat([head, datagram.sealed]);
    }
    case "request":
    case "answer": {
      const head = encodeSealedHead(datagram.kind, datagram.association, datagram.counter);
      return Buffer.concat([head, datagram.sealed]);
    }
  }
}

/** The 16 bytes behind a salt in the memory that it is a view of. */
function rest(salt: Uint8Array): Uint8Array {
  return new Uint8Array(salt.buffer, salt.byteOffset + salt.length, 16);
}

function checkContent(bytes: Uint8Array): Verdict {
  const content = decodeContent(bytes);
  if (content === undefined) return "refused";
  const isType = !("type" in content) || Object.values(MessageType).includes(content.type);
  demand(isType, "a type that is none");
  const again = decodeContent(encodeContent(content));
  demand(isDeepStrictEqual(plainly(again), plainly(content)), "it means something else");
  return "read";
}

function plainly(content: UdpContent | undefined) {
  if (content === undefined || !("payload" in content)) return content;
  return { ...content, payload: Buffer.from(content.payload).toString("hex") };
}

/** Nobody but us makes an echo of a challenge that we take. */
function checkChallenge(bytes: Uint8Array): Verdict {
  const datagram = decodeDatagram(bytes);
  if (datagram?.kind !== "challenge" || sameBytes(bytes, CHALLENGE)) return "refused";
  return challenges.isOurs(datagram.saltA, datagram.saltB, SOURCE) ? "accepted" : "refused";
}

function checkAssociation(bytes: Uint8Array): Verdict {
  const datagram = decodeDatagram(bytes);
  if (datagram === undefined || datagram.kind === "init" || datagram.kind === "challenge") {
    return "refused";
  }
  return answerer.open(datagram) === undefined ? "refused" : "accepted";
}

function checkSignature(bytes: Uint8Array): Verdict {
  const publicKey = bytes.subarray(0, 64);
  const signature = bytes.subarray(64, 128);
  const message = bytes.subarray(128);
  const passes = engine.verify(publicKey, "python", message, signature);
  // No more passes for a key than for a signature.
  engine.isPublicKey(bytes.subarray(0, 65));
  if (!passes) return "refused";
  return signed.some(
    (one) => sameBytes(one.publicKey, publicKey) && sameBytes(one.message, message),
  )
    ? "read"
    : "accepted";
}

/** Small messages open at once; large ones, which are not made here, on the thread pool. */
function atOnce<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error("opened later");
  return value;
}
