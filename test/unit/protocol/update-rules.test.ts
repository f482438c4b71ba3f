/**
 * Which UPDATE is taken: Python's rules by its own vectors, and where ours differ on purpose.
 */
import { describe, expect, it } from "vitest";
import type { Replica } from "../../../src/protocol/member.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { fromHex, loadVectors, toHex } from "../../vectors.ts";
import { LoneCore, Puppet, statusOf } from "./lone-core.ts";

interface Step {
  readonly last_update_bytes: string;
  readonly state_json: string;
  readonly accepted: boolean;
  readonly stored_json: string;
  readonly stored_last_update_bytes: string;
}

interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** By name of the case: what we do, step by step, where it is not what Python does. */
const OURS: Readonly<Record<string, readonly Partial<Step>[]>> = {
  // The time advances with equal content, or an older write could win later. Still no event.
  "newer, same content": [{}, { stored_last_update_bytes: "4026000000000000" }],
  // A HELLO stores nothing: there is no time 0 that a negative one is older than.
  "negative first": [
    { accepted: true, stored_json: '{"a": "1"}', stored_last_update_bytes: "bff0000000000000" },
  ],
  // D06: what is no time, or far ahead, would lock its owner out for ever.
  inf: [
    { accepted: false, stored_json: "", stored_last_update_bytes: "" },
    { accepted: false, stored_json: "", stored_last_update_bytes: "" },
    { accepted: false, stored_json: "", stored_last_update_bytes: "" },
  ],
};

function seconds(bytes: string): number {
  return Buffer.from(fromHex(bytes)).readDoubleBE();
}

function bytesOf(version: number | undefined): string {
  if (version === undefined) return "";
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(version);
  return toHex(bytes);
}

/** What is held in the form of the Python wire. */
function textOf(replica: Replica | undefined): string | undefined {
  return replica?.kind === "python" ? replica.text : undefined;
}

const cases = loadVectors<Case>("update_rules");

describe("UPDATEs of a Python peer", () => {
  it.each(cases.map((vector) => [vector.name, vector] as const))("%s", (name, { steps }) => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2");
    core.ask(MessageType.HELLO, peer.hello(), peer.address);
    for (const [index, step] of steps.entries()) {
      const wanted = { ...step, ...OURS[name]?.[index] };
      const packet = peer.state(seconds(step.last_update_bytes), step.state_json);
      const outcome = core.ask(MessageType.UPDATE, packet, peer.address);
      expect(statusOf(outcome)).toBe("200");
      const accepted = outcome.kind === "answer" && outcome.payload.length > 0;
      const replica = core.core.member("peer1")?.replica;
      expect(
        { accepted, text: textOf(replica) ?? "", version: bytesOf(replica?.version) },
        `step ${index + 1}`,
      ).toEqual({
        accepted: wanted.accepted,
        text: wanted.stored_json,
        version: wanted.stored_last_update_bytes,
      });
    }
    expect(core.faults).toEqual([]);
  });

  it("every difference names a case, and differs", () => {
    for (const [name, rows] of Object.entries(OURS)) {
      const vector = cases.find((one) => one.name === name);
      expect(rows.length).toBe(vector?.steps.length);
      expect(rows.map((row, index) => ({ ...vector?.steps[index], ...row }))).not.toEqual(
        vector?.steps,
      );
    }
  });

  it("equal time, other content: the last one wins, as for Python", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2");
    core.ask(MessageType.HELLO, peer.hello(), peer.address);
    for (const text of ['{"a": "1"}', '{"a": "2"}', '{"a": "0"}']) {
      core.ask(MessageType.UPDATE, peer.state(10, text), peer.address);
      expect(textOf(core.core.member("peer1")?.replica)).toBe(text);
    }
  });

  it("a signed text that is no state is answered 500, and harms nothing", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2").join(core);
    for (const text of ["[]", "{", "1", '{"a": 1}x']) {
      const outcome = core.ask(MessageType.UPDATE, peer.state(1e9, text), peer.address);
      expect(statusOf(outcome)).toBe("200");
      const newer = core.ask(MessageType.UPDATE, peer.state(1_785_000_001, text), peer.address);
      expect(statusOf(newer)).toBe("500");
    }
    expect(core.faults).toEqual([]);
  });
});

describe("UPDATEs of a native peer", () => {
  it("two states of one version: the same one wins everywhere, and a twin is reported", () => {
    const texts = ['{"a": "1"}', '{"a": "2"}'];
    for (const order of [texts, [...texts].reverse()]) {
      const core = new LoneCore();
      const peer = new Puppet("peer1", "10.0.0.2");
      core.ask(MessageType.HELLO, peer.nativeHello(), peer.address);
      for (const text of order) core.ask(MessageType.UPDATE, peer.state(10, text), peer.address);
      expect(textOf(core.core.member("peer1")?.replica)).toBe('{"a": "2"}');
      expect(core.warnings()).toContain("DSN_DUPLICATE_IDENTITY");
    }
  });

  it("one whose state is stale is shown its newer one, with its own signature", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2");
    core.ask(MessageType.HELLO, peer.nativeHello(), peer.address);
    const newer = peer.state(20, '{"a": "2"}');
    core.ask(MessageType.UPDATE, newer, peer.address);
    const outcome = core.ask(MessageType.UPDATE, peer.state(10, '{"a": "1"}'), peer.address);
    expect(outcome.kind === "answer" && toHex(outcome.payload)).toBe(toHex(newer));
  });
});
