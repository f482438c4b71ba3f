import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../src/bytes/writer.ts";
import { decodePeers, encodePeers, peersSignedPart } from "../../../src/wire/peers.ts";
import { codePoint } from "../../helpers/code-point.ts";
import { toHex } from "../../vectors.ts";

const signature = new Uint8Array(64);

describe("decodePeers", () => {
  it("a count that does not fit the bytes left costs nothing (D12)", () => {
    const bytes = new ByteWriter().string("x").bytes(signature).uint32(0xffff_ffff);
    const started = performance.now();
    expect(() => decodePeers(bytes.raw(new Uint8Array(1000)).finish())).toThrow(
      "Cannot read 4294967295 peers: 1000 bytes remain",
    );
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it("a count that hardly does not fit is refused before anything is read for it", () => {
    const bytes = new ByteWriter().string("x").bytes(signature).uint32(3);
    expect(() => decodePeers(bytes.raw(new Uint8Array(47)).finish())).toThrow(
      "Cannot read 3 peers: 47 bytes remain",
    );
  });

  it("takes as many entries as fit, down to the smallest there can be", () => {
    const entry = { nodeId: "", address: "", port: 0 };
    const smallest = encodePeers({ nodeId: "x", signature, entries: [entry] });
    expect(smallest.length - encodePeers({ nodeId: "x", signature, entries: [] }).length).toBe(16);
    expect(decodePeers(smallest).packet.entries).toEqual([entry]);
  });

  it("the last of two entries of one id wins, in the first place, signed as received", () => {
    const entries = [
      { nodeId: "k", address: "h", port: 1 },
      { nodeId: "2", address: "h", port: 2 },
      { nodeId: "k", address: "i", port: 3 },
    ];
    const decoded = decodePeers(encodePeers({ nodeId: "x", signature, entries }));
    expect(decoded.packet.entries).toEqual([entries[2], entries[1]]);
    expect(toHex(decoded.signedPart)).toBe(toHex(peersSignedPart({ nodeId: "x", entries })));
  });

  it("bytes that trail inside an endpoint are ignored, yet stay signed", () => {
    const endpoint = new ByteWriter().string("h").uint32(1).raw(Uint8Array.of(9, 9)).finish();
    const entries = new ByteWriter().uint32(1).string("k").bytes(endpoint).finish();
    const bytes = new ByteWriter().string("x").bytes(signature).raw(entries).finish();
    const decoded = decodePeers(bytes);
    expect(decoded.packet.entries).toEqual([{ nodeId: "k", address: "h", port: 1 }]);
    const signed = new ByteWriter().string("x").raw(entries).finish();
    expect(toHex(decoded.signedPart)).toBe(toHex(signed));
  });

  it("an empty node id is read: its answer is decided elsewhere", () => {
    const bytes = encodePeers({ nodeId: "", signature, entries: [] });
    expect(decodePeers(bytes).packet.nodeId).toBe("");
  });

  it("reads back what encodePeers() wrote", () => {
    const text = fc.string({ unit: codePoint });
    const port = fc.integer({ min: 0, max: 0xffff_ffff });
    const entry = fc.record({ nodeId: text, address: text, port });
    const entries = fc.uniqueArray(entry, { selector: ({ nodeId }) => nodeId });
    fc.assert(
      fc.property(text, fc.uint8Array(), entries, (nodeId, anySignature, peers) => {
        const packet = { nodeId, signature: anySignature, entries: peers };
        const decoded = decodePeers(encodePeers(packet));
        expect(decoded.packet).toEqual(packet);
        expect(toHex(decoded.signedPart)).toBe(toHex(peersSignedPart(packet)));
      }),
    );
  });
});
