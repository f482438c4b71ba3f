import { describe, expect, it } from "vitest";
import { MessageType } from "../../../src/wire/message-type.ts";
import { anyName, isAnyType, isNativeType, NativeType } from "../../../src/wire/native-type.ts";

describe("native message types", () => {
  it("are these numbers: they are the wire", () => {
    expect(NativeType).toEqual({
      ALIVE: 16,
      BYTES: 17,
      STATES: 18,
      DIGEST: 19,
      MEMBERS: 20,
      RELAY: 21,
      LEAVE: 22,
      OFFER: 23,
      INTRODUCE: 24,
    });
  });

  it("are told from those of the Python wire, and both from what is none", () => {
    for (const type of Object.values(NativeType)) {
      expect([isNativeType(type), isAnyType(type)]).toEqual([true, true]);
    }
    for (const type of Object.values(MessageType)) {
      expect([isNativeType(type), isAnyType(type)]).toEqual([false, true]);
    }
    for (const type of [-1, 0, 6, 15, 25, 255, 1.5, Number.NaN]) {
      expect(isNativeType(type), String(type)).toBe(false);
      if (Number.isInteger(type)) expect(isAnyType(type), String(type)).toBe(false);
    }
  });

  it("have the names that they go by here", () => {
    for (const [name, type] of [...Object.entries(NativeType), ...Object.entries(MessageType)]) {
      expect(anyName(type)).toBe(name);
    }
  });
});
