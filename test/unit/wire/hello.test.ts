import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../src/bytes/writer.ts";
import { MalformedError } from "../../../src/errors.ts";
import {
  decodeHello,
  encodeHello,
  helloSignedPart,
  nodeIdOfHello,
} from "../../../src/wire/hello.ts";
import { toHex } from "../../vectors.ts";

const hello = {
  version: "0.9.0",
  nodeId: "a",
  address: "10.0.0.1",
  port: 1,
  publicKey: Uint8Array.of(1),
  signature: Uint8Array.of(2, 3),
  detectedAddress: "10.0.0.7",
};

describe("decodeHello", () => {
  it("takes a HELLO that ends before the detected address, and gives the full signed part", () => {
    const bytes = encodeHello(hello).subarray(0, -12);
    const decoded = decodeHello(bytes);
    expect(decoded.hello).toEqual({ ...hello, detectedAddress: "" });
    expect(decoded.body).toEqual(bytes);
    expect(decoded.trailing).toHaveLength(0);
    expect(toHex(decoded.signedPart)).toBe(toHex(helloSignedPart(hello)));
  });

  it("body leaves out what trails", () => {
    const bytes = encodeHello(hello);
    const decoded = decodeHello(new ByteWriter().raw(bytes).uint32(1).finish());
    expect(decoded.body).toEqual(bytes);
    expect(decoded.trailing).toHaveLength(4);
  });

  it.each([{ version: "" }, { nodeId: "" }, { publicKey: new Uint8Array() }])(
    "refuses %j as Python does",
    (empty) => {
      const bytes = encodeHello({ ...hello, ...empty });
      expect(() => decodeHello(bytes)).toThrow(MalformedError);
      expect(() => decodeHello(bytes)).toThrow(/^Malformed packet/);
    },
  );

  it("takes an empty signature, which is for others to refuse", () => {
    const bytes = encodeHello({ ...hello, signature: new Uint8Array() });
    expect(decodeHello(bytes).hello.signature).toHaveLength(0);
  });
});

describe("nodeIdOfHello", () => {
  it("reads the id alone, and refuses what ends before it does", () => {
    const bytes = encodeHello(hello);
    expect(nodeIdOfHello(bytes)).toBe("a");
    const end = 4 + hello.version.length + 4 + hello.nodeId.length;
    expect(nodeIdOfHello(bytes.subarray(0, end))).toBe("a");
    expect(() => nodeIdOfHello(bytes.subarray(0, end - 1))).toThrow(MalformedError);
  });
});

describe("helloSignedPart", () => {
  it("is the same whatever was detected", () => {
    const other = { ...hello, detectedAddress: "" };
    expect(helloSignedPart(hello)).toEqual(helloSignedPart(other));
    expect(decodeHello(encodeHello(hello)).signedPart).toEqual(helloSignedPart(hello));
  });
});
