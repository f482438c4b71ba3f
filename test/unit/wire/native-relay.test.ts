import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../src/bytes/writer.ts";
import { MalformedError } from "../../../src/errors.ts";
import { decodeRelay, encodeRelay, type RelayRequest } from "../../../src/wire/native-relay.ts";

const request: RelayRequest = { to: "a", held: 1, hello: Uint8Array.of(1) };

describe("RELAY", () => {
  it.each<[string, Partial<RelayRequest>]>([
    ["to nobody", { to: "" }],
    ["to a long id", { to: "x".repeat(65) }],
    ["with a negative version", { held: -1 }],
    ["with NaN as its version", { held: Number.NaN }],
    ["with an empty HELLO", { hello: new Uint8Array() }],
    ["with a HELLO of 8,193 bytes", { hello: new Uint8Array(8_193) }],
  ])("%s is never written, and refused", (_, change) => {
    const wrong = { ...request, ...change };
    expect(() => encodeRelay(wrong)).toThrow(RangeError);
    const bytes = new ByteWriter().string(wrong.to).float64(wrong.held).bytes(wrong.hello).finish();
    expect(() => decodeRelay(bytes)).toThrow(MalformedError);
  });

  it("with as much in each field as may be is written and read", () => {
    const full = { to: "é".repeat(64), held: Number.MAX_VALUE, hello: new Uint8Array(8_192) };
    expect(decodeRelay(encodeRelay(full))).toEqual(full);
  });
});
