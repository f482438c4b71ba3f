import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../src/bytes/writer.ts";
import { MalformedError } from "../../../src/errors.ts";
import {
  authSignedPart,
  decodeAuth,
  encodeAuth,
  encodeAuthBody,
  type SessionAuth,
} from "../../../src/wire/session-auth.ts";

const AUTH: SessionAuth = {
  nodeId: "nöde-1",
  publicKey: new Uint8Array(64).fill(1),
  incarnation: new Uint8Array(16).fill(2),
  versionMin: 1,
  versionMax: 3,
  features: ["udp", "a feature"],
};
const SIGNATURE = new Uint8Array(64).fill(9);
const EXPORTER = new Uint8Array(32).fill(5);

/** An AUTH whose body was written by somebody who keeps no rules. */
function lawless(auth: SessionAuth): Uint8Array {
  const writer = new ByteWriter()
    .string(auth.nodeId)
    .bytes(auth.publicKey)
    .bytes(auth.incarnation)
    .uint32(auth.versionMin)
    .uint32(auth.versionMax)
    .uint32(auth.features.length);
  for (const feature of auth.features) writer.string(feature);
  return encodeAuth(writer.finish(), SIGNATURE);
}

describe("AUTH", () => {
  it("is read as it was written", () => {
    const body = encodeAuthBody(AUTH);
    const decoded = decodeAuth(encodeAuth(body, SIGNATURE));
    expect(decoded.auth).toEqual(AUTH);
    expect(decoded.body).toEqual(body);
    expect(decoded.signature).toEqual(SIGNATURE);
  });

  it("refuses every truncation, of the whole and of the body", () => {
    const body = encodeAuthBody(AUTH);
    const whole = encodeAuth(body, SIGNATURE);
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeAuth(whole.subarray(0, length))).toThrow(MalformedError);
    }
    for (let length = 0; length < body.length; length++) {
      const cut = encodeAuth(body.subarray(0, length), SIGNATURE);
      expect(() => decodeAuth(cut)).toThrow(MalformedError);
    }
  });

  it("ignores what newer versions append, and has it signed", () => {
    const body = encodeAuthBody(AUTH);
    const longer = Uint8Array.of(...body, 1, 2, 3);
    const decoded = decodeAuth(Uint8Array.of(...encodeAuth(longer, SIGNATURE), 7));
    expect(decoded.auth).toEqual(AUTH);
    expect(authSignedPart("dialler", decoded.body, EXPORTER)).not.toEqual(
      authSignedPart("dialler", body, EXPORTER),
    );
  });

  const faults: readonly [string, Partial<SessionAuth>][] = [
    ["an empty node id", { nodeId: "" }],
    ["a node id of 65 characters", { nodeId: "n".repeat(65) }],
    ["a public key of 63 bytes", { publicKey: new Uint8Array(63) }],
    ["a public key of 65 bytes", { publicKey: new Uint8Array(65) }],
    ["an incarnation of 15 bytes", { incarnation: new Uint8Array(15) }],
    ["versions the wrong way round", { versionMin: 2, versionMax: 1 }],
    ["33 features", { features: new Array<string>(33).fill("f") }],
    ["a feature of 65 bytes", { features: ["f".repeat(65)] }],
  ];
  for (const [what, fault] of faults) {
    it(`neither writes nor reads ${what}`, () => {
      expect(() => encodeAuthBody({ ...AUTH, ...fault })).toThrow(RangeError);
      expect(() => decodeAuth(lawless({ ...AUTH, ...fault }))).toThrow(MalformedError);
    });
  }

  it("takes what is just within the limits", () => {
    const full = { ...AUTH, nodeId: "n".repeat(64), features: ["f".repeat(64)] };
    expect(decodeAuth(encodeAuth(encodeAuthBody(full), SIGNATURE)).auth).toEqual(full);
    const many = { ...AUTH, features: new Array<string>(32).fill("f") };
    expect(decodeAuth(encodeAuth(encodeAuthBody(many), SIGNATURE)).auth).toEqual(many);
  });

  it("refuses a list that was made up before it reads it", () => {
    const body = encodeAuthBody({ ...AUTH, features: [] }).slice();
    body.fill(0xff, body.length - 4);
    expect(() => decodeAuth(encodeAuth(body, SIGNATURE))).toThrow(/4294967295 features/);
  });

  it("neither writes nor reads a signature of another length", () => {
    const body = encodeAuthBody(AUTH);
    expect(() => encodeAuth(body, new Uint8Array(63))).toThrow(RangeError);
    const bytes = new ByteWriter().bytes(body).bytes(new Uint8Array(65)).finish();
    expect(() => decodeAuth(bytes)).toThrow(MalformedError);
  });

  it("is signed for one side of one connection", () => {
    const body = encodeAuthBody(AUTH);
    const signed = authSignedPart("dialler", body, EXPORTER);
    expect(Buffer.from(signed.subarray(0, 14)).toString()).toBe("dsn session 1\0");
    expect(authSignedPart("acceptor", body, EXPORTER)).not.toEqual(signed);
    expect(authSignedPart("dialler", body, new Uint8Array(32))).not.toEqual(signed);
    expect(
      authSignedPart("dialler", encodeAuthBody({ ...AUTH, nodeId: "b" }), EXPORTER),
    ).not.toEqual(signed);
  });
});
