/**
 * Native messages that may be sent, built by fast-check: every field with its extremes.
 * @module
 */
import fc from "fast-check";
import type { DigestEntry } from "../../src/wire/digest-entry.ts";
import type { BytesMessage } from "../../src/wire/native-bytes.ts";
import type { DigestAnswer, DigestRequest } from "../../src/wire/native-digest.ts";
import type { LeaveMessage } from "../../src/wire/native-leave.ts";
import type { MemberEntry, MembersAnswer, MembersRequest } from "../../src/wire/native-members.ts";
import type { Offer } from "../../src/wire/native-offer.ts";
import type { RelayRequest } from "../../src/wire/native-relay.ts";
import {
  type Change,
  encodeStates,
  type StateAck,
  type StateItem,
} from "../../src/wire/native-states.ts";
import { codePoint } from "./code-point.ts";

const text = fc.oneof(fc.string({ maxLength: 20 }), fc.string({ unit: codePoint, maxLength: 20 }));
const owner = fc.oneof(
  fc.constantFrom("a", "worker-1", "__proto__", "🎉", "～", "x".repeat(64), "🎉".repeat(64)),
  fc.string({ unit: codePoint, minLength: 1, maxLength: 64 }),
);
const key = fc.oneof(
  fc.constantFrom("", "0", "__proto__", "k".repeat(1_024), "é".repeat(512)),
  text,
);
const version = fc.oneof(
  fc.constantFrom(0, 5e-324, 1_700_000_000.25, Number.MAX_VALUE),
  fc.double({ min: 0, noDefaultInfinity: true, noNaN: true }),
);
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const role = fc.constantFrom("request" as const, "answer" as const);
const hello = fc.uint8Array({ minLength: 1, maxLength: 200 });
const endpoint = fc.record({ address: text, port: uint32 });

function exactly(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

const signature = fc.option(exactly(64), { nil: undefined });
const change: fc.Arbitrary<Change> = fc.tuple(key, fc.option(text, { nil: undefined }));
const changes = fc.uniqueArray(change, { maxLength: 8, selector: ([name]) => name });
const entries = fc
  .array(fc.tuple(key, text), { maxLength: 8 })
  .map((list): ReadonlyMap<string, string> => new Map(list));

const item: fc.Arbitrary<StateItem> = fc.oneof(
  fc
    .record({
      form: fc.constant("delta" as const),
      owner,
      version,
      base: version,
      changes,
      signature,
    })
    .filter(({ base, version: own }) => base !== own)
    .map((delta) => ({
      ...delta,
      base: Math.min(delta.base, delta.version),
      version: Math.max(delta.base, delta.version),
    })),
  fc.record({ form: fc.constant("snapshot" as const), owner, version, entries, signature }),
  fc.record({ form: fc.constant("proof" as const), owner, version, signature: exactly(64) }),
  fc.record({
    form: fc.constant("python" as const),
    owner,
    packet: fc.uint8Array({ maxLength: 40 }),
  }),
);

export const anyStates: fc.Arbitrary<StateItem[]> = fc.array(item, { maxLength: 6 });

export const anyStateAcks: fc.Arbitrary<StateAck[]> = fc.array(
  fc.record({
    owner,
    held: version,
    wants: fc.constantFrom("nothing", "snapshot", "member", "less"),
  }),
  { maxLength: 8 },
);

export const anyDigestEntries: fc.Arbitrary<DigestEntry[]> = fc.uniqueArray(
  fc.record({ owner, version, root: exactly(8) }),
  { maxLength: 8, selector: (entry) => entry.owner },
);

export const anyDigestRequest: fc.Arbitrary<DigestRequest> = fc.oneof(
  fc.record({
    summary: exactly(8),
    entries: fc.constant(undefined),
    buckets: fc.option(exactly(512), { nil: undefined }),
  }),
  fc.record({
    summary: exactly(8),
    entries: anyDigestEntries,
    mask: fc.option(exactly(8), { nil: undefined }),
  }),
);

export const anyDigestAnswer: fc.Arbitrary<DigestAnswer> = fc.oneof(
  fc.constantFrom<DigestAnswer>({ kind: "same" }, { kind: "differs" }),
  fc.record({ kind: fc.constant("buckets" as const), mask: exactly(8) }),
  fc.record({
    kind: fc.constant("states" as const),
    wanted: fc.uniqueArray(owner, { maxLength: 8 }),
    more: fc.boolean(),
    states: anyStates.map(encodeStates),
  }),
);

export const anyMembersRequest: fc.Arbitrary<MembersRequest> = fc.record({
  summary: exactly(8),
  nodeIds: fc.option(fc.array(owner, { maxLength: 6 }), { nil: undefined }),
});

export const anyIntroduced: fc.Arbitrary<MemberEntry[]> = fc.array(
  fc.record({ role, hello, endpoint: fc.option(endpoint, { nil: undefined }) }),
  { maxLength: 6 },
);

export const anyOffers: fc.Arbitrary<Offer[]> = fc.array(fc.record({ owner, version }), {
  maxLength: 8,
});

export const anyMembersAnswer: fc.Arbitrary<MembersAnswer> = fc.oneof(
  fc.constant<MembersAnswer>({ kind: "same" }),
  fc.record({
    kind: fc.constant("members" as const),
    members: anyIntroduced,
  }),
);

export const anyLeave: fc.Arbitrary<LeaveMessage> = fc.record({
  owner,
  incarnation: exactly(16),
  issued: version,
  signature: exactly(64),
});

export const anyRelay: fc.Arbitrary<RelayRequest> = fc.record({ to: owner, held: version, hello });

export const anyBytesMessage: fc.Arbitrary<BytesMessage> = fc.record({
  number: fc.oneof(
    fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
    fc.maxSafeNat(),
  ),
  payload: fc.uint8Array({ maxLength: 100 }),
});
