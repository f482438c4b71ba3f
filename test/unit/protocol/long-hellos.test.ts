/** However long HELLOs are, messages that show them stay within what is taken. */
import { describe, expect, it } from "vitest";
import type { Member } from "../../../src/protocol/member.ts";
import { createMember } from "../../../src/protocol/member.ts";
import { LIMITS } from "../../../src/protocol/settings.ts";
import { entriesOf, HELLOS_MAX } from "../../../src/protocol/shown-members.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../src/transport/limits.ts";
import { encodeIntroduce, encodeMembersAnswer } from "../../../src/wire/native-members.ts";
import { NativeType } from "../../../src/wire/native-type.ts";

const HELLO_BYTES = 8_192;
const ADDRESS = `${"a".repeat(62)}.`.repeat(4).slice(0, 253);

function members(count: number): Member[] {
  return Array.from({ length: count }, (_, index) => {
    const member = createMember(`n${index}`, new Uint8Array(64), 0);
    member.hello = { role: "request", bytes: new Uint8Array(HELLO_BYTES) };
    member.endpoint = { address: ADDRESS, port: 65_535 };
    member.status = "alive";
    return member;
  });
}

describe("The longest HELLOs", () => {
  it("of as many as one message names fit it, as an answer and as an introduction", () => {
    const shown = entriesOf(members(HELLOS_MAX));
    expect(shown.length).toBe(HELLOS_MAX);
    const answer = encodeMembersAnswer({ kind: "members", members: shown });
    expect(answer.length).toBeLessThanOrEqual(LIMITS.membersAnswerBytesMax);
    const introduction = encodeIntroduce(shown);
    const { [NativeType.INTRODUCE]: most } = DEFAULT_SESSION_LIMITS.requestBytesMax;
    expect(introduction.length).toBeLessThanOrEqual(most);
  });

  it("of all members are cut where the answer would not be taken", () => {
    const shown = entriesOf(members(4_000));
    const answer = encodeMembersAnswer({ kind: "members", members: shown });
    expect(answer.length).toBeLessThanOrEqual(LIMITS.membersAnswerBytesMax);
    expect(shown.length).toBeGreaterThanOrEqual(HELLOS_MAX);
  });
});
