import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../src/bytes/writer.ts";
import { MalformedError } from "../../../src/errors.ts";
import {
  decodeMembersAnswer,
  encodeMembersAnswer,
  encodeMembersRequest,
  type MemberEntry,
} from "../../../src/wire/native-members.ts";

const member: MemberEntry = { role: "answer", hello: Uint8Array.of(1), endpoint: undefined };
const answerOf = (...members: readonly MemberEntry[]) => ({ kind: "members" as const, members });

/** One member by its fields, whatever they hold. */
const one = (role: number, hello: Uint8Array, endpoint: Uint8Array) =>
  new ByteWriter()
    .raw(Uint8Array.of(1))
    .uint32(1)
    .raw(Uint8Array.of(role))
    .bytes(hello)
    .bytes(endpoint)
    .raw(new Uint8Array(20))
    .finish();

const none = new Uint8Array();

describe("MEMBERS", () => {
  it("with a summary of another length is never written", () => {
    for (const length of [0, 7, 9, 32]) {
      expect(() => encodeMembersRequest({ summary: new Uint8Array(length) })).toThrow(RangeError);
    }
  });

  it("is a copy of the summary, not the summary", () => {
    const summary = new Uint8Array(8);
    const bytes = encodeMembersRequest({ summary });
    summary.fill(1);
    expect(bytes).toEqual(new Uint8Array(9));
  });
});

describe("MEMBERS answer", () => {
  it.each([0, 8_193])("with a HELLO of %i bytes is never written, and refused", (length) => {
    const hello = new Uint8Array(length);
    expect(() => encodeMembersAnswer(answerOf({ ...member, hello }))).toThrow(RangeError);
    expect(() => decodeMembersAnswer(one(0, hello, none))).toThrow(
      `Cannot read members: a HELLO of ${length} bytes`,
    );
  });

  it("with a HELLO of 8,192 bytes is written and read", () => {
    const answer = answerOf({ ...member, hello: new Uint8Array(8_192) });
    expect(decodeMembersAnswer(encodeMembersAnswer(answer))).toEqual(answer);
  });

  it("with 4,096 members is written and read, with one more it is not", () => {
    const many = Array.from({ length: 4_096 }, () => member);
    const answer = answerOf(...many);
    expect(decodeMembersAnswer(encodeMembersAnswer(answer))).toEqual(answer);
    expect(() => encodeMembersAnswer(answerOf(...many, member))).toThrow(RangeError);
    const bytes = new ByteWriter().raw(Uint8Array.of(1)).uint32(4_097).raw(new Uint8Array(100_000));
    expect(() => decodeMembersAnswer(bytes.finish())).toThrow("at most 4096");
  });

  it("a count is held against the bytes left, 10 each, before the loop", () => {
    const bytes = new ByteWriter().raw(Uint8Array.of(1)).uint32(3).raw(new Uint8Array(29));
    expect(() => decodeMembersAnswer(bytes.finish())).toThrow("29 bytes remain");
    expect(encodeMembersAnswer(answerOf(member)).length).toBe(5 + 10);
  });

  it("with an unknown role, or an endpoint that ends early, is refused", () => {
    expect(() => decodeMembersAnswer(one(2, Uint8Array.of(1), none))).toThrow("a role of 2");
    expect(() => decodeMembersAnswer(one(1, Uint8Array.of(1), new Uint8Array(7)))).toThrow(
      MalformedError,
    );
  });

  it("of an unknown kind is refused", () => {
    expect(() => decodeMembersAnswer(Uint8Array.of(2))).toThrow("a kind of 2");
  });

  it("an endpoint without an address is one, for an empty one says that there is none", () => {
    const answer = answerOf({ ...member, endpoint: { address: "", port: 0 } });
    expect(decodeMembersAnswer(encodeMembersAnswer(answer))).toEqual(answer);
  });
});
