/** Whether a Python peer may have dropped us, which it never says: told by what it does. */
import { describe, expect, it } from "vitest";
import { createMember, type Member } from "../../../src/protocol/member.ts";
import {
  isShy,
  mayNotListUs,
  noteFailure,
  noteListed,
  resetPush,
} from "../../../src/protocol/push-state.ts";

const NOW_MS = 1_000_000;

function python(): Member {
  const member = createMember("alice", new Uint8Array(64), 0);
  noteListed(member, NOW_MS);
  return member;
}

function native(): Member {
  const member = createMember("bob", new Uint8Array(64), 0);
  member.native = { incarnation: "01", issued: 1, features: [], sessions: false, addresses: [] };
  return member;
}

describe("mayNotListUs()", () => {
  it("trusts a Python peer for 3.9 s after each of its calls", () => {
    const member = python();
    expect(mayNotListUs(member, NOW_MS + 3_900)).toBe(false);
    expect(mayNotListUs(member, NOW_MS + 3_901)).toBe(true);
    expect(mayNotListUs(createMember("new", new Uint8Array(64), 0), NOW_MS)).toBe(true);
  });

  it("doubts one that we failed to reach until it is asked, and for ten seconds at least", () => {
    const member = python();
    noteFailure(member, NOW_MS);
    expect(mayNotListUs(member, NOW_MS)).toBe(true);
    member.push.needsHello = false;
    noteListed(member, NOW_MS + 9_999);
    expect(mayNotListUs(member, NOW_MS + 9_999)).toBe(true);
    noteListed(member, NOW_MS + 10_000);
    expect(mayNotListUs(member, NOW_MS + 10_000)).toBe(false);
  });

  it("doubts one that has dropped us for five minutes: it may do so again", () => {
    const member = python();
    member.forgottenMs = [NOW_MS - 500_000, NOW_MS];
    for (const [ms, expected] of [
      [299_999, true],
      [300_000, false],
    ] as const) {
      noteListed(member, NOW_MS + ms);
      expect(mayNotListUs(member, NOW_MS + ms)).toBe(expected);
    }
  });

  it("takes a native peer at its word, unless it must be greeted", () => {
    const member = native();
    noteFailure(member, NOW_MS);
    expect(mayNotListUs(member, NOW_MS)).toBe(false);
    member.push.needsHello = true;
    expect(mayNotListUs(member, NOW_MS)).toBe(true);
  });
});

describe("A member", () => {
  it("is shy when it has dropped us three times, and is of the Python wire", () => {
    const member = python();
    member.forgottenMs = [1, 2];
    expect(isShy(member)).toBe(false);
    member.forgottenMs = [1, 2, 3];
    expect(isShy(member)).toBe(true);
    expect(isShy({ ...native(), forgottenMs: [1, 2, 3] })).toBe(false);
  });

  it("that restarted has proved nothing, whatever it held", () => {
    const { push } = python();
    Object.assign(push, { held: 1, heldText: "{}", doubtful: 1, unanswered: 1, inFlight: 1 });
    resetPush({ ...python(), push });
    expect(push).toMatchObject({
      held: undefined,
      heldText: undefined,
      doubtful: undefined,
      unanswered: undefined,
      inFlight: 1,
    });
  });
});
