import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeEndpoint, encodeEndpoint } from "../../../src/wire/endpoint.ts";
import {
  answerOf,
  expectAnswer,
  expectOnlyMalformed,
  expectTruncationsRefused,
  fromHex,
  loadVectors,
  staleDifferences,
  toHex,
} from "../../vectors.ts";

interface EndpointCase {
  readonly address: string | null;
  readonly port: number;
  readonly bytes: string;
  readonly parsed_address: string | null;
  readonly parsed_port: number;
}

describe.each(loadVectors<EndpointCase>("endpoints"))(
  "endpoint, reference bytes: $bytes",
  (row) => {
    it("encodeEndpoint() writes them", () => {
      const endpoint = { address: row.address ?? "", port: row.port };
      expect(toHex(encodeEndpoint(endpoint))).toBe(row.bytes);
    });

    it("decodeEndpoint() reads them", () => {
      expect(decodeEndpoint(fromHex(row.bytes))).toEqual({
        address: row.parsed_address ?? "",
        port: row.parsed_port,
      });
    });

    it("decodeEndpoint() refuses every truncation", () => {
      expectTruncationsRefused(fromHex(row.bytes), decodeEndpoint);
    });
  },
);

describe("endpoint, odd bytes", () => {
  interface ParseCase {
    readonly bytes: string;
    readonly result: { readonly address: string | null; readonly port: number };
  }
  const cases = loadVectors<ParseCase>("endpoint_parse");

  it.each(cases)("decodeEndpoint($bytes) is Python's answer, or a difference on purpose", (row) => {
    const python = { address: row.result.address ?? "", port: row.result.port };
    const ours = answerOf(() => decodeEndpoint(fromHex(row.bytes)));
    expectAnswer("endpoint_parse", row.bytes, ours, python);
  });

  it("every difference names a vector", () => {
    const names = cases.map(({ bytes }) => bytes);
    expect(staleDifferences("endpoint_parse", names)).toEqual([]);
  });

  it("decodeEndpoint() throws only MalformedError on arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => expectOnlyMalformed(() => decodeEndpoint(bytes))),
    );
  });
});
