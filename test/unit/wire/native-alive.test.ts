import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeAlive, encodeAlive } from "../../../src/wire/native-alive.ts";
import { expectOnlyMalformed, expectTruncationsRefused, fromHex, toHex } from "../../vectors.ts";

describe("ALIVE", () => {
  it.each<[string[], string]>([
    [[], ""],
    [["a"], "010000000100000061"],
    [["worker-1", "é"], "0200000008000000776f726b65722d3102000000c3a9"],
  ])("that names %j is these bytes", (suspects, hex) => {
    expect(toHex(encodeAlive(suspects))).toBe(hex);
    expect(decodeAlive(fromHex(hex))).toEqual(suspects);
  });

  it("names nobody in fewer than four bytes, whatever they are: older nodes send a space", () => {
    for (const bytes of ["20", "ffff", "010000"]) expect(decodeAlive(fromHex(bytes))).toEqual([]);
  });

  it("names 64 nodes at most, none of them nameless", () => {
    const names = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`);
    expect(decodeAlive(encodeAlive(names(64)))).toEqual(names(64));
    expect(() => encodeAlive(names(65))).toThrow(RangeError);
    expect(() => encodeAlive([""])).toThrow(RangeError);
    expect(() => decodeAlive(fromHex(`41000000${"0100000061".repeat(65)}`))).toThrow("at most 64");
    expect(() => decodeAlive(fromHex("0100000000000000"))).toThrow("bytes remain");
  });

  it("that ends early, or is anything else, is refused and does no harm", () => {
    const whole = encodeAlive(["worker-1", "worker-2"]);
    expectTruncationsRefused(whole, decodeAlive, [0, 1, 2, 3]);
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => expectOnlyMalformed(() => decodeAlive(bytes))),
    );
  });
});
