import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../src/bytes/writer.ts";
import { MalformedError } from "../../../src/errors.ts";
import {
  decodeLeave,
  encodeLeave,
  type LeaveMessage,
  leaveSignedPart,
} from "../../../src/wire/native-leave.ts";
import { toHex } from "../../vectors.ts";

const leave: LeaveMessage = {
  owner: "a",
  incarnation: new Uint8Array(16).fill(1),
  issued: 1,
  signature: new Uint8Array(64).fill(2),
};

describe("LEAVE", () => {
  it.each<[string, Partial<LeaveMessage>]>([
    ["of nobody", { owner: "" }],
    ["of a long id", { owner: "x".repeat(65) }],
    ["with an incarnation of 15 bytes", { incarnation: new Uint8Array(15) }],
    ["with an incarnation of 17 bytes", { incarnation: new Uint8Array(17) }],
    ["before time began", { issued: -1 }],
    ["at no time", { issued: Number.NaN }],
    ["without a signature", { signature: new Uint8Array() }],
    ["with a signature of 65 bytes", { signature: new Uint8Array(65) }],
  ])("%s is never written, and refused", (_, change) => {
    const wrong = { ...leave, ...change };
    expect(() => encodeLeave(wrong)).toThrow(RangeError);
    const writer = new ByteWriter().string(wrong.owner).bytes(wrong.incarnation);
    const bytes = writer.float64(wrong.issued).bytes(wrong.signature).finish();
    expect(() => decodeLeave(bytes)).toThrow(MalformedError);
  });

  it("signs under a label of its own: who leaves, which process, and when", () => {
    const label = toHex(new TextEncoder().encode("dsn leave 1\0"));
    const expected = `${label}0100000061${"01".repeat(16)}3ff0000000000000`;
    expect(toHex(leaveSignedPart(leave))).toBe(expected);
  });
});
