/**
 * The decoders of native messages. Each thing has one form there, so what is read must be written
 * again to the bytes that came.
 * @module
 */
import type fc from "fast-check";
import { MalformedError } from "../../src/errors.ts";
import { summaryOf } from "../../src/wire/digest-summary.ts";
import { decodeBytes } from "../../src/wire/native-bytes.ts";
import {
  decodeDigestAnswer,
  decodeDigestRequest,
  encodeDigestAnswer,
  encodeDigestRequest,
} from "../../src/wire/native-digest.ts";
import { decodeLeave, encodeLeave } from "../../src/wire/native-leave.ts";
import {
  decodeIntroduce,
  decodeMembersAnswer,
  decodeMembersRequest,
  encodeIntroduce,
  encodeMembersAnswer,
  encodeMembersRequest,
} from "../../src/wire/native-members.ts";
import { decodeOffers, encodeOffers } from "../../src/wire/native-offer.ts";
import { decodeRelay, encodeRelay } from "../../src/wire/native-relay.ts";
import {
  decodeStateAcks,
  decodeStates,
  encodeStateAcks,
  encodeStates,
} from "../../src/wire/native-states.ts";
import { encodeBytes } from "../helpers/bytes-message.ts";
import {
  anyBytesMessage,
  anyDigestAnswer,
  anyDigestRequest,
  anyIntroduced,
  anyLeave,
  anyMembersAnswer,
  anyMembersRequest,
  anyOffers,
  anyRelay,
  anyStateAcks,
  anyStates,
} from "../helpers/native-messages.ts";
import { fromHex, loadNativeVectors } from "../vectors.ts";
import { type DecoderTarget, demand, sameBytes, type Verdict } from "./decoders.ts";
import { SEED } from "./settings.ts";
import { sampleOf } from "./structures.ts";

/** Messages that fast-check builds for each corpus. */
const BUILT = 300;
/** Items of those that show what takes quadratic time. */
const MANY = 2_000;

interface NativeKind<Value> {
  readonly name: string;
  /** Which vectors are of this kind. */
  readonly part: string;
  readonly any: fc.Arbitrary<Value>;
  readonly encode: (value: Value) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Value;
  readonly long?: readonly Uint8Array[];
  /** Whether what was read may be written otherwise than it came. */
  readonly mayChange?: (value: Value) => boolean;
  /** What else must hold. */
  readonly check?: (value: Value) => void;
}

function target<Value>(kind: NativeKind<Value>): DecoderTarget {
  const { name, part, any, encode, decode, long = [], mayChange, check } = kind;
  const vectors = loadNativeVectors<{ readonly bytes: string }>(part);
  return {
    name,
    corpus: [
      ...vectors.map(({ bytes }) => fromHex(bytes)),
      ...sampleOf(any.map(encode), BUILT, SEED),
    ],
    long,
    check(bytes): Verdict {
      let value: Value;
      try {
        value = decode(bytes);
      } catch (error) {
        if (error instanceof MalformedError) return "refused";
        throw error;
      }
      const again = encode(value);
      const isSame = sameBytes(again, bytes.subarray(0, again.length));
      demand(isSame || mayChange?.(value) === true, "it is written otherwise");
      demand(sameBytes(encode(decode(again)), again), "it means something else when written again");
      check?.(value);
      return "read";
    },
  };
}

const names = Array.from({ length: MANY }, (_, index) => `name-${index}`);
const root = new Uint8Array(8);
const signature = new Uint8Array(64);

export const NATIVE_DECODERS: readonly DecoderTarget[] = [
  target({
    name: "native-states",
    part: "states",
    any: anyStates,
    encode: encodeStates,
    decode: decodeStates,
    long: [
      encodeStates([
        {
          form: "delta",
          owner: "a",
          version: 2,
          base: 1,
          changes: names.map((name, index) => [name, index % 2 === 0 ? name : undefined]),
          signature,
        },
        {
          form: "snapshot",
          owner: "a",
          version: 2,
          entries: new Map(names.map((name) => [name, name])),
          signature,
        },
      ]),
      encodeStates(names.map((owner) => ({ form: "python", owner, packet: root }))),
    ],
  }),
  target({
    name: "native-acks",
    part: "state_acks",
    any: anyStateAcks,
    encode: encodeStateAcks,
    decode: decodeStateAcks,
    long: [encodeStateAcks(names.map((owner) => ({ owner, held: 1, wants: "nothing" })))],
  }),
  target({
    name: "native-digest",
    part: "digest_requests",
    any: anyDigestRequest,
    encode: encodeDigestRequest,
    decode: decodeDigestRequest,
    long: [
      encodeDigestRequest({
        summary: root,
        entries: names.map((owner) => ({ owner, version: 1, root })),
      }),
    ],
    check: ({ entries }) => {
      if (entries === undefined) return;
      const reversed = summaryOf([...entries].reverse());
      demand(sameBytes(summaryOf(entries), reversed), "the order counts in the summary");
    },
  }),
  target({
    name: "native-digest-answer",
    part: "digest_answers",
    any: anyDigestAnswer,
    encode: encodeDigestAnswer,
    decode: decodeDigestAnswer,
    long: [encodeDigestAnswer({ kind: "states", wanted: names, more: true, states: root })],
  }),
  target({
    name: "native-members",
    part: "members_requests",
    any: anyMembersRequest,
    encode: encodeMembersRequest,
    decode: decodeMembersRequest,
  }),
  target({
    name: "native-members-answer",
    part: "members_answers",
    any: anyMembersAnswer,
    encode: encodeMembersAnswer,
    decode: decodeMembersAnswer,
    long: [
      encodeMembersAnswer({
        kind: "members",
        members: names.map((address) => {
          return { role: "answer", hello: root, endpoint: { address, port: 1 } };
        }),
      }),
    ],
    // What trails an endpoint inside its own bytes is ignored, as in PEERS.
    mayChange: (answer) =>
      answer.kind === "members" && answer.members.some(({ endpoint }) => endpoint !== undefined),
  }),
  target({
    name: "native-introduce",
    part: "introductions",
    any: anyIntroduced,
    encode: encodeIntroduce,
    decode: decodeIntroduce,
    mayChange: (members) => members.some(({ endpoint }) => endpoint !== undefined),
  }),
  target({
    name: "native-offer",
    part: "offers",
    any: anyOffers,
    encode: encodeOffers,
    decode: decodeOffers,
  }),
  target({
    name: "native-relay",
    part: "relays",
    any: anyRelay,
    encode: encodeRelay,
    decode: decodeRelay,
  }),
  target({
    name: "native-leave",
    part: "leaves",
    any: anyLeave,
    encode: encodeLeave,
    decode: decodeLeave,
  }),
  target({
    name: "native-bytes",
    part: "bytes",
    any: anyBytesMessage,
    encode: encodeBytes,
    decode: decodeBytes,
  }),
];
