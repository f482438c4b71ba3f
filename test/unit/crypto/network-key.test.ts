import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  generateNetworkKey,
  networkKeyId,
  parseNetworkKey,
} from "../../../src/crypto/network-key.ts";
import { DsnError } from "../../../src/errors.ts";

interface AesVectors {
  readonly key_strings: readonly { readonly text: string; readonly valid: boolean }[];
}

const vectors = JSON.parse(
  readFileSync(new URL("../../vectors/aes.json", import.meta.url), "utf8"),
) as AesVectors;

const KEY = "000102030405060708090a0b0c0d0e0f";

function refusal(text: string): DsnError {
  try {
    parseNetworkKey(text);
  } catch (error) {
    if (error instanceof DsnError) return error;
    throw error;
  }
  throw new Error("the key was accepted");
}

describe("parseNetworkKey(), against the reference", () => {
  it.each(vectors.key_strings)("takes or refuses $text as the reference does", (vector) => {
    if (vector.valid) {
      expect(Buffer.from(parseNetworkKey(vector.text)).toString("hex")).toBe(KEY);
    } else {
      expect(refusal(vector.text).code).toBe("DSN_KEY_FORMAT");
    }
  });

  it("takes exactly the white space that bytes.fromhex takes", () => {
    const taken = Array.from({ length: 0x3100 }, (_, code) => code).filter((code) => {
      try {
        parseNetworkKey(`${KEY.slice(0, 2)}${String.fromCharCode(code)}${KEY.slice(2)}`);
        return true;
      } catch {
        return false;
      }
    });
    expect(taken).toEqual([0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20]);
  });

  it("refuses white space inside a byte", () => {
    const error = refusal(`0 0${KEY.slice(2)}`);
    expect(error.code).toBe("DSN_KEY_FORMAT");
    expect(error.why).toContain("white space inside a byte");
  });
});

describe("parseNetworkKey(), what it says", () => {
  const long = `${KEY}${KEY}`;

  it.each([
    [long, "expected 32 hex digits (16 bytes), found 64 digits: that is an AES-256 key"],
    [long.slice(16), "expected 32 hex digits (16 bytes), found 48 digits: that is an AES-192 key"],
    ["", "expected 32 hex digits (16 bytes), found nothing"],
    [" \n", "expected 32 hex digits (16 bytes), found nothing"],
    ["a", "expected 32 hex digits (16 bytes), found 1 digit"],
    [`0x${KEY}`, "expected 32 hex digits (16 bytes), found 0x in front"],
    [
      `00\n${KEY.slice(2, -1)}g`,
      "expected 32 hex digits (16 bytes), character 32, white space not counted, is not a hex digit",
    ],
  ])("explains %j", (text, why) => {
    expect(refusal(text).why).toBe(why);
    expect(refusal(text).fix).not.toEqual([]);
  });

  it("never shows the key", () => {
    const secret = "5ec4e7c0ffee5ec4e7c0ffee5ec4e7c0";
    for (const text of [`${secret}00`, `0x${secret}`, `${secret}zz`, secret.slice(1)]) {
      const error = refusal(text);
      const told = [error.message, error.why, ...error.fix, String(error.cause)].join(" ");
      expect(told).not.toContain("c0ffee");
    }
  });
});

describe("generateNetworkKey()", () => {
  it("gives 32 lower-case hex digits, other ones each time", () => {
    const keys = Array.from({ length: 100 }, generateNetworkKey);
    for (const key of keys) {
      expect(key).toMatch(/^[0-9a-f]{32}$/);
      expect(parseNetworkKey(key)).toHaveLength(16);
    }
    expect(new Set(keys).size).toBe(100);
  });
});

describe("networkKeyId()", () => {
  it("is the beginning of the SHA-256 of the key", () => {
    expect(networkKeyId(parseNetworkKey(KEY))).toBe("be45cb26");
  });
});
