/**
 * What holds for every native message: its vectors are written and read, every truncation is
 * refused, what trails is ignored, and arbitrary bytes do no harm.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DigestEntry } from "../../../src/wire/digest-entry.ts";
import { decodeBytes } from "../../../src/wire/native-bytes.ts";
import {
  decodeDigestAnswer,
  decodeDigestRequest,
  encodeDigestAnswer,
  encodeDigestRequest,
} from "../../../src/wire/native-digest.ts";
import { decodeLeave, encodeLeave, type LeaveMessage } from "../../../src/wire/native-leave.ts";
import {
  decodeIntroduce,
  decodeMembersAnswer,
  decodeMembersRequest,
  encodeIntroduce,
  encodeMembersAnswer,
  encodeMembersRequest,
  type MemberEntry,
} from "../../../src/wire/native-members.ts";
import { decodeOffers, encodeOffers } from "../../../src/wire/native-offer.ts";
import { decodeRelay, encodeRelay } from "../../../src/wire/native-relay.ts";
import {
  decodeStateAcks,
  decodeStates,
  encodeStateAcks,
  encodeStates,
  type StateItem,
} from "../../../src/wire/native-states.ts";
import { encodeBytes } from "../../helpers/bytes-message.ts";
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
} from "../../helpers/native-messages.ts";
import {
  expectOnlyMalformed,
  expectTruncationsRefused,
  fromHex,
  loadNativeVectors,
  toHex,
} from "../../vectors.ts";

interface Kind<Value> {
  readonly part: string;
  readonly encode: (value: Value) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Value;
  readonly any: fc.Arbitrary<Value>;
  /** The value of a vector, whose bytes are hex and whose `undefined` is null. */
  readonly fromVector: (vector: never) => Value;
  /** The last field takes all that is left: every length from this on is a whole message. */
  readonly restFrom?: number;
}

interface Case {
  readonly name: string;
  readonly bytes: string;
}

const orNone = <From, To>(value: From | null, map: (value: From) => To) =>
  value === null ? undefined : map(value);

type Hex<Value> = {
  readonly [Field in keyof Value]: Value[Field] extends Uint8Array ? string : Value[Field];
};

interface ItemVector {
  readonly form: StateItem["form"];
  readonly owner: string;
  readonly version: number;
  readonly base: number;
  readonly changes: readonly (readonly [string, string | null])[];
  readonly entries: readonly (readonly [string, string])[];
  readonly signature: string | null;
  readonly packet: string;
}

function itemOf(vector: ItemVector): StateItem {
  const { form, owner, version, base } = vector;
  if (form === "python") return { form, owner, packet: fromHex(vector.packet) };
  if (form === "proof") return { form, owner, version, signature: fromHex(vector.signature ?? "") };
  const signature = orNone(vector.signature, fromHex);
  if (form === "snapshot") {
    return { form, owner, version, entries: new Map(vector.entries), signature };
  }
  const changes = vector.changes.map(([key, value]) => [key, value ?? undefined] as const);
  return { form, owner, version, base, changes, signature };
}

function entryOf({ owner, version, root }: Hex<DigestEntry>): DigestEntry {
  return { owner, version, root: fromHex(root) };
}

interface MemberVector {
  readonly role: MemberEntry["role"];
  readonly hello: string;
  readonly endpoint: { readonly address: string; readonly port: number } | null;
}

function memberOf({ role, hello, endpoint }: MemberVector): MemberEntry {
  return { role, hello: fromHex(hello), endpoint: endpoint ?? undefined };
}

function kind<Value>(of: Kind<Value>): Kind<unknown> {
  return of as Kind<unknown>;
}

const KINDS: readonly Kind<unknown>[] = [
  kind({
    part: "states",
    encode: encodeStates,
    decode: decodeStates,
    any: anyStates,
    fromVector: ({ items }: { items: readonly ItemVector[] }) => items.map(itemOf),
  }),
  kind({
    part: "state_acks",
    encode: encodeStateAcks,
    decode: decodeStateAcks,
    any: anyStateAcks,
    fromVector: ({ acks }) => acks,
  }),
  kind({
    part: "digest_requests",
    encode: encodeDigestRequest,
    decode: decodeDigestRequest,
    any: anyDigestRequest,
    fromVector: (vector: {
      summary: string;
      entries: readonly Hex<DigestEntry>[] | null;
      buckets?: string;
      mask?: string;
    }) => ({
      summary: fromHex(vector.summary),
      entries: orNone(vector.entries, (entries) => entries.map(entryOf)),
      ...(vector.buckets === undefined ? {} : { buckets: fromHex(vector.buckets) }),
      ...(vector.mask === undefined ? {} : { mask: fromHex(vector.mask) }),
    }),
  }),
  kind({
    part: "digest_answers",
    encode: encodeDigestAnswer,
    decode: decodeDigestAnswer,
    any: anyDigestAnswer,
    fromVector: ({ answer }: { answer: { states: string } | { mask: string } }) => {
      if ("states" in answer) return { ...answer, states: fromHex(answer.states) } as never;
      return ("mask" in answer ? { ...answer, mask: fromHex(answer.mask) } : answer) as never;
    },
  }),
  kind({
    part: "members_requests",
    encode: encodeMembersRequest,
    decode: decodeMembersRequest,
    any: anyMembersRequest,
    fromVector: (vector: { summary: string; node_ids: readonly string[] | null }) => ({
      summary: fromHex(vector.summary),
      nodeIds: vector.node_ids ?? undefined,
    }),
  }),
  kind({
    part: "members_answers",
    encode: encodeMembersAnswer,
    decode: decodeMembersAnswer,
    any: anyMembersAnswer,
    fromVector: ({ answer }: { answer: { members?: readonly MemberVector[] } }) =>
      answer.members === undefined
        ? { kind: "same" as const }
        : { kind: "members" as const, members: answer.members.map(memberOf) },
  }),
  kind({
    part: "introductions",
    encode: encodeIntroduce,
    decode: decodeIntroduce,
    any: anyIntroduced,
    fromVector: ({ members }: { members: readonly MemberVector[] }) => members.map(memberOf),
  }),
  kind({
    part: "offers",
    encode: encodeOffers,
    decode: decodeOffers,
    any: anyOffers,
    fromVector: ({ offers }) => offers,
  }),
  kind({
    part: "relays",
    encode: encodeRelay,
    decode: decodeRelay,
    any: anyRelay,
    fromVector: ({ to, held, hello }: { to: string; held: number; hello: string }) => {
      return { to, held, hello: fromHex(hello) };
    },
  }),
  kind({
    part: "leaves",
    encode: encodeLeave,
    decode: decodeLeave,
    any: anyLeave,
    fromVector: (leave: {
      owner: string;
      incarnation: string;
      issued: number;
      signature: string;
    }) => {
      const { owner, issued } = leave;
      const [incarnation, signature] = [leave.incarnation, leave.signature].map(fromHex);
      return { owner, incarnation, issued, signature } as LeaveMessage;
    },
  }),
  kind({
    part: "bytes",
    encode: encodeBytes,
    decode: decodeBytes,
    any: anyBytesMessage,
    fromVector: ({ number, payload }: { number: number; payload: string }) => {
      return { number, payload: fromHex(payload) };
    },
    restFrom: 8,
  }),
];

describe.each(KINDS)("native message: $part", ({ part, encode, decode, any, ...rest }) => {
  const vectors = loadNativeVectors<Case>(part);
  const fromVector = rest.fromVector as (vector: unknown) => unknown;

  it("has vectors", () => expect(vectors.length).toBeGreaterThan(0));

  it.each(vectors)("$name: is written and read", (vector) => {
    const value = fromVector(vector);
    expect(toHex(encode(value))).toBe(vector.bytes);
    expect(decode(fromHex(vector.bytes))).toEqual(value);
  });

  it.each(vectors)("$name: is refused at every truncation", (vector) => {
    const bytes = fromHex(vector.bytes);
    const head = rest.restFrom ?? bytes.length;
    const whole = Array.from({ length: bytes.length }, (_, length) => length).slice(head);
    expectTruncationsRefused(bytes, decode, whole);
  });

  it("is read back as it was written, with what trails it ignored", () => {
    fc.assert(
      fc.property(any, fc.uint8Array({ maxLength: 9 }), (value, trailing) => {
        const bytes = encode(value);
        expect(decode(bytes)).toEqual(value);
        if (rest.restFrom !== undefined) return;
        expect(decode(Uint8Array.of(...bytes, ...trailing))).toEqual(value);
      }),
    );
  });

  it("is refused at every truncation, whatever it holds", () => {
    fc.assert(
      fc.property(any, (value) => {
        const bytes = encode(value);
        const end = rest.restFrom ?? bytes.length;
        expectTruncationsRefused(bytes.subarray(0, end), decode);
      }),
      { numRuns: 20 },
    );
  });

  it("throws only MalformedError on arbitrary bytes, and writes again what it reads", () => {
    const mutated = fc
      .tuple(any, fc.nat(200), fc.nat(8), fc.uint8Array({ maxLength: 8 }))
      .map(([value, at, removed, added]) => {
        const bytes = encode(value);
        return Uint8Array.of(...bytes.subarray(0, at), ...added, ...bytes.subarray(at + removed));
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), mutated), (bytes) =>
        expectOnlyMalformed(() => {
          const value = decode(bytes);
          expect(decode(encode(value))).toEqual(value);
        }),
      ),
      { numRuns: 1_000 },
    );
  });
});
