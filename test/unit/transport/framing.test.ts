import { describe, expect, it } from "vitest";
import { createAesCbcSeal, createPlainSeal } from "../../../src/crypto/aes-cbc-seal.ts";
import type { Seal } from "../../../src/crypto/seal.ts";
import {
  openAnswer,
  openRequest,
  sealMessage,
  unopenedRefusal,
  wireRefusal,
} from "../../../src/transport/framing.ts";
import { MessageType } from "../../../src/wire/message-type.ts";

const plain = createPlainSeal();
const sealed = createAesCbcSeal(new Uint8Array(16).fill(1));
const { DATA, HELLO, PING } = MessageType;
const KEY_TEXT = "Missing or incorrect encryption key";

/** The plaintext, sealed. */
async function body(seal: Seal, ...plaintext: number[]): Promise<Uint8Array> {
  return new Uint8Array(await seal.seal(Uint8Array.from(plaintext)));
}

describe("sealMessage()", () => {
  it("puts the type before the payload, in memory of its own", async () => {
    const payload = Uint8Array.of(7, 8);
    const framed = await sealMessage(plain, DATA, payload);
    expect([...framed]).toEqual([5, 7, 8]);
    payload.fill(0);
    expect([...framed]).toEqual([5, 7, 8]);
  });

  it("gives at once what is sealed at once", () => {
    expect(sealMessage(sealed, DATA, new Uint8Array(100))).toBeInstanceOf(Uint8Array);
    expect(sealMessage(sealed, DATA, new Uint8Array(1_000_000))).toBeInstanceOf(Promise);
  });
});

describe("openRequest()", () => {
  for (const [name, seal] of [
    ["with a key", sealed],
    ["without a key", plain],
  ] as const) {
    it(`${name} opens what has the type of its path, and nothing else`, async () => {
      expect(await openRequest(seal, DATA, await body(seal, 5, 1, 2))).toEqual(Uint8Array.of(1, 2));
      expect(await openRequest(seal, DATA, await body(seal, 5))).toHaveLength(0);
      expect(await openRequest(seal, DATA, await body(seal))).toBeUndefined();
      expect(await openRequest(seal, DATA, await body(seal, 1, 5))).toBeUndefined();
      expect(await openRequest(seal, HELLO, await body(seal, 5, 1))).toBeUndefined();
      expect(await openRequest(seal, DATA, new Uint8Array(0))).toBeUndefined();
    });
  }

  it("with a key opens a PING only if it is the reference's", async () => {
    expect(await openRequest(sealed, PING, await body(sealed, 4, 0x20))).toHaveLength(1);
    for (const ping of [[4], [4, 0x21], [4, 0x20, 0x20], [4, 0]]) {
      expect(await openRequest(sealed, PING, await body(sealed, ...ping))).toBeUndefined();
      expect(await openRequest(plain, PING, await body(plain, ...ping))).toBeDefined();
    }
  });
});

describe("openAnswer()", () => {
  it("opens what has the type that was asked for", async () => {
    expect(await openAnswer(sealed, PING, await body(sealed, 4))).toHaveLength(0);
    expect(await openAnswer(sealed, PING, await body(sealed, 4, 1))).toHaveLength(1);
    expect(await openAnswer(sealed, PING, await body(sealed, 5))).toBeUndefined();
    expect(await openAnswer(sealed, PING, await body(sealed))).toBeUndefined();
    expect(await openAnswer(sealed, PING, Uint8Array.of(4))).toBeUndefined();
  });
});

describe("wireRefusal()", () => {
  const refusal = { kind: "refusal", status: 406, text: "Malformed packet" } as const;

  it("is the same for all strangers of a network with a key", () => {
    const uniform = { status: 401, text: KEY_TEXT, uniform: true };
    expect(unopenedRefusal(sealed)).toEqual(uniform);
    expect(wireRefusal(sealed, { ...refusal, authenticated: false })).toEqual(uniform);
    const bug = { ...refusal, status: 500, text: "", authenticated: false };
    expect(wireRefusal(sealed, bug)).toEqual(uniform);
  });

  it("is the reference's for those who have proved who they are, and without a key", () => {
    const exact = { status: 406, text: "Malformed packet", uniform: false };
    expect(wireRefusal(sealed, { ...refusal, authenticated: true })).toEqual(exact);
    expect(wireRefusal(plain, { ...refusal, authenticated: false })).toEqual(exact);
    expect(unopenedRefusal(plain)).toEqual({ status: 400, text: "", uniform: false });
  });

  it("V: never leaks what is no error status", () => {
    const status500 = { status: 500, text: "", uniform: false };
    const leak = { ...refusal, status: 2, text: "No such file", authenticated: true };
    expect(wireRefusal(plain, leak)).toEqual(status500);
    expect(wireRefusal(plain, { ...leak, status: 200 })).toEqual(status500);
  });
});
