import { describe, expect, it } from "vitest";
import { createMember, isPresent } from "../../../src/protocol/member.ts";

const NOW_MS = 1_000_000;

describe("A member", () => {
  it("that is new is not present, and has proved nothing", () => {
    const member = createMember("alice", new Uint8Array(64), NOW_MS);
    expect(isPresent(member)).toBe(false);
    expect(member).toMatchObject({ status: "joining", sinceMs: NOW_MS, joinedBefore: false });
    expect(member.push).toMatchObject({ inFlight: 0, held: undefined, needsHello: false });
  });
});
